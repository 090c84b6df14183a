-- Who enrolled in a year, and how the year's first enrolment was funded. SPEC section 4, Enrolment.
--
-- Reads  enrolment, funding_group
-- Makes  enrolment_contribution (student, on_date, year, measure, funding)

create or replace temp view enrolment_contribution as
with first_enrolment_of_year as (
    select
        student,
        year(enrolled_on) as year,
        min(enrolled_on) as on_date,
        arg_min(funding, (enrolled_on, log_offset)) as funding
    from enrolment group by student, year(enrolled_on)
)
select student, on_date, year, 'students_enrolled' as measure, funding_group.name as funding
from first_enrolment_of_year join funding_group using (funding);
