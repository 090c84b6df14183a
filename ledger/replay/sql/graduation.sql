-- Who was expected to graduate in a year, and who did so in time. SPEC section 4, Graduation.
--
-- Reads  enrolment, withdrawal; variables expected_date, graduation_deadline, excluded_withdrawals
-- Makes  graduation_contribution (student, on_date, year, measure)

create or replace temp view graduation_contribution as
with dated_enrolment as (
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
expected_graduate as (
    select * from dated_enrolment anti join withdrawal
        on withdrawal.enrolment = dated_enrolment.enrolment
        and list_contains(getvariable('excluded_withdrawals'), withdrawal.reason)
        and withdrawal.withdrew_on <= dated_enrolment.deadline
        and (
            dated_enrolment.graduated_on is null
            or dated_enrolment.graduated_on > withdrawal.withdrew_on
        )
)
select
    student,
    min(enrolled_on) as on_date,
    year(expected_on) as year,
    if(
        bool_or(coalesce(graduated_on <= deadline, false)),
        'graduated_as_expected',
        'expected_to_graduate'
    ) as measure
from expected_graduate group by student, year(expected_on);
