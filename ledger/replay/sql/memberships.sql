-- What a student belongs to at a date. SPEC section 2.
--
-- Reads  application, stated_enrolment, standing
-- Makes  membership  (subject, since, until, mask): the subject's next one begins at `until`
--        group_of    (mask, name): the groups that a membership is counted under
--        began       (subject, on_date): from when the subject is a student
--
-- A mask has a bit for each category, 0 says "none of them", and no mask at all "undeclared".

create or replace temp table membership as
with declaration as (
    select subject, applied_on as since, place, mask from application where nth_statement = 1
    union all
    select subject, enrolled_on, place, mask from enrolment
    union all
    select subject, declared_on, place, mask_of(categories)
    from standing where type = 'ledger.categories.declared.v1'
)
select
    subject,
    since,
    -- Of several on one date all but the last in the log last no day at all.
    lead(since, 1, date '9999-12-31') over (partition by subject order by since, place) as until,
    mask
from declaration where mask is not null;

create or replace temp table group_of as
with masks as (select unnest(range(32))::utinyint as mask),
category as (
    from (values
        (1, 'job_seeker'),
        (2, 'low_qualification'),
        (4, 'disadvantaged_area'),
        (8, 'refugee'),
        (16, 'disability')
    ) as category (bit, name)
)
select mask, name from masks join category on mask & bit > 0
union all select mask, 'any_category' from masks where mask > 0
union all select 0, 'no_category'
union all select null, 'undeclared'
union all select mask, 'all' from masks
union all select null, 'all';

create or replace temp table began as
select subject, min(enrolled_on) as on_date from enrolment group by subject;
