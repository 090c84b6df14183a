-- Which applicants of a year became students. SPEC section 4, Orientation.
--
-- Reads  application, enrolment; variable orientation_months
-- Makes  orientation (subject, on_date, year, measure)

create or replace temp table orientation as
with applicant as (
    select subject, year(applied_on) as year, min(applied_on) as on_date
    from application where nth_statement = 1
    group by subject, year(applied_on)
)
select *, 'applicants' as measure from applicant
union all
select *, 'became_students'
from applicant semi join enrolment
    on enrolment.subject = applicant.subject
    and enrolment.enrolled_on
        between applicant.on_date
        and applicant.on_date + to_months(getvariable('orientation_months'));
