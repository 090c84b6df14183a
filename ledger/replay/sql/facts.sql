-- The facts in force, one table a fact. SPEC section 1, repeats; SPEC section 4, Graduation.
--
-- Reads  event_in_force
-- Makes  statement               what is stated of applications, enrolments and categories
--        repeat                  the records that state an application or enrolment again
--        application, enrolment  an enrolment with its latest dates
--        orphan                  the records that name an enrolment that nobody stated
--        withdrawal, answer, outcome
--        outcome_tie             the order of outcomes that were stated at the same moment

create or replace temp type statement_type as enum (
    'ledger.student.applied.v1',
    'ledger.student.enrolled.v1',
    'ledger.categories.declared.v1',
    'ledger.enrollment.rescheduled.v1',
    'ledger.student.graduated.v1',
    'ledger.student.withdrew.v1'
);

-- The columns are read once for everything that concerns an application or enrolment (`entity`).
-- Other types have no cast; DuckDB may try one before it has left them out.
create or replace temp table statement as
select
    student,
    log_offset,
    try_cast(type as statement_type) as type,
    coalesce(enrolment, application) as entity,
    coalesce(
        applied_on, enrolled_on, declared_on, decided_on, graduated_on, withdrew_on
    ) as on_date,
    expected_graduation_on,
    coalesce(funding, reason) as funding_or_reason,
    category_bits
from event_in_force
where type in (
    'ledger.student.applied.v1',
    'ledger.student.enrolled.v1',
    'ledger.categories.declared.v1',
    'ledger.enrollment.rescheduled.v1',
    'ledger.student.graduated.v1',
    'ledger.student.withdrew.v1'
);

-- Few applications and enrolments are stated more than once, and only those need sorting.
create or replace temp table repeat as
with opening as (
    from statement where type in ('ledger.student.applied.v1', 'ledger.student.enrolled.v1')
),
repeated_entity as (
    select entity, min(log_offset) as first_offset
    from opening group by entity having count(*) > 1
)
select entity, log_offset from opening join repeated_entity using (entity)
where log_offset > first_offset;

create or replace temp table application as
select student, log_offset, on_date as applied_on, category_bits
from statement anti join repeat using (entity, log_offset)
where type = 'ledger.student.applied.v1';

-- The latest decision sets the expected date, of two on a day the later record; the earliest
-- graduation counts.
create or replace temp table enrolment_change as
select
    entity,
    arg_max(expected_graduation_on, (on_date, log_offset))
        filter (type = 'ledger.enrollment.rescheduled.v1') as expected_on,
    min(on_date) filter (type = 'ledger.student.graduated.v1') as graduated_on
from statement
where type in ('ledger.enrollment.rescheduled.v1', 'ledger.student.graduated.v1')
group by entity;

create or replace temp table enrolment as
select
    student,
    log_offset,
    entity as enrolment,
    on_date as enrolled_on,
    funding_or_reason as funding,
    category_bits,
    expected_graduation_on as first_expected_on,
    coalesce(expected_on, expected_graduation_on) as latest_expected_on,
    graduated_on
from statement anti join repeat using (entity, log_offset)
left join enrolment_change using (entity)
where type = 'ledger.student.enrolled.v1';

create or replace temp table orphan as
select log_offset
from statement anti join enrolment on enrolment.enrolment = statement.entity
where type in (
    'ledger.enrollment.rescheduled.v1',
    'ledger.student.graduated.v1',
    'ledger.student.withdrew.v1'
);

create or replace temp view withdrawal as
select entity as enrolment, on_date as withdrew_on, funding_or_reason as reason
from statement where type = 'ledger.student.withdrew.v1';

create or replace temp table answer as
select student, log_offset, answered_on, status, job_found_on, in_field
from event_in_force
where type = 'ledger.survey.answered.v1' and survey = 'job' and status <> 'unknown';

create or replace temp table outcome as
select student, log_offset, time, time_nanos, outcome_on, kind, credited
from event_in_force where type = 'ledger.outcome.declared.v1';

-- Outcomes that were stated at the same moment are ordered by source and id; these texts are read
-- for no others.
create or replace temp table outcome_tie as
with shared_moment as (
    select student, time, time_nanos from outcome group by all having count(*) > 1
),
tied_outcome as (
    select student, log_offset
    from outcome semi join shared_moment using (student, time, time_nanos)
)
select
    student,
    log_offset,
    row_number() over (
        partition by student, time, time_nanos order by source, id
    ) as order_in_moment
from event_in_force semi join tied_outcome using (student, log_offset)
where type = 'ledger.outcome.declared.v1';
