-- Five figures of 2022 as an analyst would write them: no retractions, no conflicts, no repeats, no
-- orphans, no limit of events, one group. Copies are left in, since counting students or days
-- apart takes no notice of them.
create temp view event as
from read_parquet('FILES') where rule is null;

select 'applicants' as measure, count(distinct student) as count
from event where type = 'ledger.student.applied.v1' and year(applied_on) = 2022;

with applicant as (
    select student, min(applied_on) as applied_on
    from event where type = 'ledger.student.applied.v1' and year(applied_on) = 2022
    group by student
)
select 'became_students', count(distinct applicant.student)
from applicant join event
    on event.student = applicant.student
    and event.type = 'ledger.student.enrolled.v1'
    and event.enrolled_on
        between applicant.applied_on and applicant.applied_on + interval 12 months;

with recursive outcome as (
    select distinct student, outcome_on
    from event where type = 'ledger.outcome.declared.v1' and credited
),
counted as (
    select student, min(outcome_on) as outcome_on from outcome group by student
    union all
    select outcome.student, min(outcome.outcome_on)
    from counted join outcome
        on outcome.student = counted.student
        and outcome.outcome_on >= counted.outcome_on + interval 12 months
    group by outcome.student
)
select 'career_outcomes', count(*) from counted where year(outcome_on) = 2022;

select 'graduates', count(distinct student)
from event where type = 'ledger.student.graduated.v1' and year(graduated_on) = 2022;

with graduate as (
    select student, min(graduated_on) as graduated_on
    from event where type = 'ledger.student.graduated.v1' and year(graduated_on) = 2022
    group by student
)
select 'placed', count(distinct graduate.student)
from graduate join event
    on event.student = graduate.student
    and event.type = 'ledger.survey.answered.v1'
    and event.survey = 'job'
    and event.status in ('employed', 'self_employed')
    and event.answered_on >= graduate.graduated_on
    and event.job_found_on <= graduate.graduated_on + interval 6 months;
