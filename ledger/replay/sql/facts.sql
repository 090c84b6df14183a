-- The facts in force, one table a fact. SPEC section 1, repeats; SPEC section 4, Graduation.
--
-- Reads  standing
-- Makes  again                   the places of repeats
--        application, enrolment  those in force, an enrolment with all that hangs on it
--        withdrawal, answer, outcome, tied
--        orphan                  the places of what hangs on no enrolment

-- One reading of the columns serves all that is about an application, an enrolment or categories.
create or replace temp table stated as
select
    student,
    partition,
    place,
    type,
    coalesce(enrolment, application) as about,
    coalesce(
        applied_on, enrolled_on, declared_on, decided_on, graduated_on, withdrew_on
    ) as on_date,
    expected_graduation_on,
    coalesce(funding, reason) as word,
    category_bits
from standing
where type in (
    'ledger.student.applied.v1',
    'ledger.student.enrolled.v1',
    'ledger.categories.declared.v1',
    'ledger.enrollment.rescheduled.v1',
    'ledger.student.graduated.v1',
    'ledger.student.withdrew.v1'
);

-- Few applications and enrolments are stated again, and only those need to be put in order.
create or replace temp table again as
with statement as (
    from stated where type in ('ledger.student.applied.v1', 'ledger.student.enrolled.v1')
),
several as (
    select about, min(place) as first_place from statement group by about having count(*) > 1
)
select partition, place from statement join several using (about)
where place > first_place;

create or replace temp table application as
select student, place, on_date as applied_on, category_bits
from stated anti join again using (partition, place)
where type = 'ledger.student.applied.v1';

-- The latest decision moves the expected date, of two on a day the later record; the earliest
-- graduation counts.
create or replace temp table changed as
select
    about,
    arg_max(expected_graduation_on, (on_date, place))
        filter (type = 'ledger.enrollment.rescheduled.v1') as expected_on,
    min(on_date) filter (type = 'ledger.student.graduated.v1') as graduated_on
from stated
where type in ('ledger.enrollment.rescheduled.v1', 'ledger.student.graduated.v1')
group by about;

create or replace temp table enrolment as
select
    student,
    place,
    about as enrolment,
    on_date as enrolled_on,
    word as funding,
    category_bits,
    expected_graduation_on as first_expected_on,
    coalesce(expected_on, expected_graduation_on) as latest_expected_on,
    graduated_on
from stated anti join again using (partition, place)
left join changed using (about)
where type = 'ledger.student.enrolled.v1';

create or replace temp table orphan as
select place
from stated anti join enrolment on enrolment.enrolment = stated.about
where type in (
    'ledger.enrollment.rescheduled.v1',
    'ledger.student.graduated.v1',
    'ledger.student.withdrew.v1'
);

create or replace temp view withdrawal as
select about as enrolment, on_date as withdrew_on, word as reason
from stated where type = 'ledger.student.withdrew.v1';

create or replace temp table answer as
select student, place, answered_on, status, job_found_on, in_field
from standing
where type = 'ledger.survey.answered.v1' and survey = 'job' and status <> 'unknown';

create or replace temp table outcome as
select student, partition, place, time, time_nanos, outcome_on, kind, credited
from standing where type = 'ledger.outcome.declared.v1';

-- Of outcomes stated at one moment the order is that of source and id, texts that nobody else needs.
create or replace temp table tied as
with moment as (
    select student, time, time_nanos from outcome group by all having count(*) > 1
)
select
    partition,
    place,
    row_number() over (
        partition by student, time, time_nanos order by source, id
    ) as nth_of_moment
from standing semi join moment using (student, time, time_nanos)
where type = 'ledger.outcome.declared.v1';
