-- Which applicants of a year became students. SPEC section 4, Orientation.
--
-- Reads  application, enrolment; variable orientation_months
-- Makes  orientation_contribution (student, on_date, year, measure)

create or replace temp view orientation_contribution as
with applicant as (
    select student, year(applied_on) as year, min(applied_on) as on_date
    from application
    group by student, year(applied_on)
),
new_student as (
    select student, year
    from applicant semi join enrolment
        on enrolment.student = applicant.student
        and enrolment.enrolled_on
            between applicant.on_date
            and applicant.on_date + to_months(getvariable('orientation_months'))
)
select
    applicant.*,
    if(new_student.student is null, 'applicants', 'became_students') as measure
from applicant left join new_student using (student, year);
