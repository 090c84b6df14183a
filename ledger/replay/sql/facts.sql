-- The facts in force, one table a fact. SPEC section 1 (repeats, orphans) and section 4, Graduation.
--
-- Reads  standing
-- Makes  application, stated_enrolment  the first statement of each, and the repeats after it
--        enrolment                      those in force, with all that hangs on them
--        withdrawal, answer, outcome
--        orphan                         the places of what hangs on no enrolment

create or replace temp macro mask_of(categories) as (
      1 * list_contains(categories, 'job_seeker')::utinyint
    + 2 * list_contains(categories, 'low_qualification')::utinyint
    + 4 * list_contains(categories, 'disadvantaged_area')::utinyint
    + 8 * list_contains(categories, 'refugee')::utinyint
    + 16 * list_contains(categories, 'disability')::utinyint
)::utinyint;

create or replace temp table application as
select
    subject,
    place,
    applied_on,
    mask_of(categories) as mask,
    row_number() over (partition by subject, application_id order by place) as nth_statement
from standing where type = 'ledger.student.applied.v1';

create or replace temp table stated_enrolment as
select
    subject,
    place,
    enrollment_id,
    enrolled_on,
    expected_graduation_on,
    funding,
    mask_of(categories) as mask,
    row_number() over (partition by subject, enrollment_id order by place) as nth_statement
from standing where type = 'ledger.student.enrolled.v1';

create or replace temp table hanging as
select
    subject,
    place,
    enrollment_id,
    type,
    decided_on,
    expected_graduation_on,
    graduated_on,
    withdrew_on,
    reason
from standing
where type in (
    'ledger.enrollment.rescheduled.v1',
    'ledger.student.graduated.v1',
    'ledger.student.withdrew.v1'
);

-- The latest decision moves the expected date, of two on a day the later record; the earliest
-- graduation counts.
create or replace temp table enrolment as
with moved as (
    select
        subject,
        enrollment_id,
        arg_max(expected_graduation_on, (decided_on, place)) as expected_on,
    from hanging where type = 'ledger.enrollment.rescheduled.v1'
    group by subject, enrollment_id
),
graduated as (
    select subject, enrollment_id, min(graduated_on) as graduated_on
    from hanging where type = 'ledger.student.graduated.v1'
    group by subject, enrollment_id
)
select
    stated_enrolment.* exclude (expected_graduation_on, nth_statement),
    expected_graduation_on as first_expected_on,
    coalesce(moved.expected_on, expected_graduation_on) as latest_expected_on,
    graduated_on
from stated_enrolment
left join moved using (subject, enrollment_id)
left join graduated using (subject, enrollment_id)
where nth_statement = 1;

create or replace temp table orphan as
select place from hanging anti join enrolment using (subject, enrollment_id);

create or replace temp table withdrawal as
select subject, enrollment_id, withdrew_on, reason
from hanging where type = 'ledger.student.withdrew.v1';

create or replace temp table answer as
select subject, place, answered_on, status, job_found_on, in_field
from standing
where type = 'ledger.survey.answered.v1' and survey = 'job' and status <> 'unknown';

create or replace temp table outcome as
select subject, source, id, time, time_nanos, outcome_on, kind, credited
from standing where type = 'ledger.outcome.declared.v1';
