-- Which categories a student belongs to at a date. SPEC section 2, membership.
--
-- Reads  application, enrolment, statement
-- Makes  membership       (student, since, until, category_bits), from `since` to before `until`
--        category_group   (category_bits, name), the groups that a membership is counted under
--        first_enrolment  (student, on_date), from which on somebody is a student
--
-- `category_bits` has a bit for each category; 0 is "none of them", null is "undeclared".

create or replace temp table membership as
with declaration as (
    select student, applied_on as since, log_offset, category_bits from application
    union all
    select student, enrolled_on, log_offset, category_bits from enrolment
    union all
    select student, on_date, log_offset, category_bits
    from statement where type = 'ledger.categories.declared.v1'
)
select
    student,
    since,
    -- Of several on a date, all but the last in the log end on the day they begin.
    lead(since, 1, date '9999-12-31')
        over (partition by student order by since, log_offset) as until,
    category_bits
from declaration where category_bits is not null;

create or replace temp table category_group as
with declared_bits as (select unnest(range(32))::utinyint as category_bits),
category as (
    from (values
        (1, 'job_seeker'),
        (2, 'low_qualification'),
        (4, 'disadvantaged_area'),
        (8, 'refugee'),
        (16, 'disability')
    ) as category (bit, name)
)
select category_bits, name from declared_bits join category on category_bits & bit > 0
union all select category_bits, 'any_category' from declared_bits where category_bits > 0
union all select 0, 'no_category'
union all select null, 'undeclared'
union all select category_bits, 'all' from declared_bits
union all select null, 'all';

create or replace temp table first_enrolment as
select student, min(enrolled_on) as on_date from enrolment group by student;
