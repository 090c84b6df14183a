-- Who was expected to graduate in a year, and did in time. SPEC section 4, Graduation.
--
-- Reads  enrolment, withdrawal; variables expected_date, graduation_deadline, excluded_withdrawals
-- Makes  graduation (subject, on_date, year, measure)

create or replace temp table graduation as
with dated as (
    select
        *,
        if(
            getvariable('expected_date') = 'latest', latest_expected_on, first_expected_on
        ) as expected_on,
        if(
            getvariable('graduation_deadline') = 'year_end',
            make_date(year(expected_on), 12, 31),
            expected_on
        ) as deadline
    from enrolment
),
expected as (
    select * from dated anti join withdrawal
        on withdrawal.subject = dated.subject
        and withdrawal.enrollment_id = dated.enrollment_id
        and list_contains(getvariable('excluded_withdrawals'), withdrawal.reason)
        and withdrawal.withdrew_on <= dated.deadline
        and (dated.graduated_on is null or dated.graduated_on > withdrawal.withdrew_on)
),
student as (
    select
        subject,
        year(expected_on) as year,
        min(enrolled_on) as on_date,
        bool_or(coalesce(graduated_on <= deadline, false)) as in_time
    from expected group by subject, year(expected_on)
)
select subject, on_date, year, 'expected_to_graduate' as measure from student
union all
select subject, on_date, year, 'graduated_as_expected' from student where in_time;
