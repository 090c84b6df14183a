-- What a student belongs to at a date. SPEC section 2, membership.
--
-- Reads  application, enrolment, stated
-- Makes  membership  (student, since, until, category_bits): the next one begins at `until`
--        group_of    (category_bits, name): the groups that a membership is counted under
--        began       (student, on_date): from when somebody is a student
--
-- `category_bits` has a bit for each category, 0 says "none of them", and null "undeclared".

create or replace temp table membership as
with declaration as (
    select student, applied_on as since, place, category_bits from application
    union all
    select student, enrolled_on, place, category_bits from enrolment
    union all
    select student, on_date, place, category_bits
    from stated where type = 'ledger.categories.declared.v1'
)
select
    student,
    since,
    -- Of several on one date all but the last in the log last no day at all.
    lead(since, 1, date '9999-12-31') over (partition by student order by since, place) as until,
    category_bits
from declaration where category_bits is not null;

create or replace temp table group_of as
with declared as (select unnest(range(32))::utinyint as category_bits),
category as (
    from (values
        (1, 'job_seeker'),
        (2, 'low_qualification'),
        (4, 'disadvantaged_area'),
        (8, 'refugee'),
        (16, 'disability')
    ) as category (bit, name)
)
select category_bits, name from declared join category on category_bits & bit > 0
union all select category_bits, 'any_category' from declared where category_bits > 0
union all select 0, 'no_category'
union all select null, 'undeclared'
union all select category_bits, 'all' from declared
union all select null, 'all';

create or replace temp table began as
select student, min(enrolled_on) as on_date from enrolment group by student;
