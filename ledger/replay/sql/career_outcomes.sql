-- Which declared outcomes are career outcomes: the 12-month rule. SPEC section 4, Career outcomes.
--
-- Reads  outcome, outcome_tie, first_enrolment, zone_offset; variables outcome_*
-- Makes  career_outcomes_contribution (student, on_date, year, measure, kind, population, month)

create or replace temp table candidate as
with dated_outcome as (
    select *, outcome_on as on_date from outcome
    where getvariable('outcome_date') = 'outcome_on'
    union all
    select outcome.*, (time + to_seconds(zone_offset.seconds))::date
    from outcome asof join zone_offset on outcome.time >= zone_offset.since
    where getvariable('outcome_date') = 'time'
)
select
    * exclude (outcome_on, credited),
    -- The 12-month rule is applied to each student, or to each kind of outcome of a student.
    if(getvariable('outcome_window_scope') = 'student', '', kind) as series
from dated_outcome
where list_contains(getvariable('outcome_kinds'), kind)
  and (credited or not getvariable('outcome_must_be_credited'));

-- A window is a month at least, so at most the first of several candidates on a day counts, and the
-- rule can go from day to day.
create or replace temp table candidate_day as
select student, series, on_date, count(*) as candidates
from candidate group by student, series, on_date;

create or replace temp table counted_day as
with recursive last_counted as (
    select student, series, min(on_date) as on_date
    from candidate_day where getvariable('outcome_window_anchor') = 'last_counted'
    group by student, series
    union all
    select candidate_day.student, candidate_day.series, min(candidate_day.on_date)
    from last_counted as anchor
    join candidate_day
        on candidate_day.student = anchor.student
        and candidate_day.series = anchor.series
        and candidate_day.on_date
            >= anchor.on_date + to_months(getvariable('outcome_window_months'))
    group by candidate_day.student, candidate_day.series
),
last_declared as (
    select student, series, on_date, lag(on_date) over days as anchor_on
    from candidate_day where getvariable('outcome_window_anchor') = 'last_declared'
    window days as (partition by student, series order by on_date)
)
from last_counted
union all
select student, series, on_date from last_declared
where anchor_on is null
   or on_date >= anchor_on + to_months(getvariable('outcome_window_months'))
union all
select student, series, min(on_date)
from candidate_day where getvariable('outcome_window_anchor') = 'calendar_year'
group by student, series, year(on_date);

-- All but the first candidate of a day; on most days there is one.
create or replace temp table later_candidate as
with shared_day as (
    select student, series, on_date from candidate_day where candidates > 1
)
select student, log_offset
from candidate semi join shared_day using (student, series, on_date)
left join outcome_tie using (student, log_offset)
qualify row_number() over (
    partition by student, series, on_date order by time, time_nanos, order_in_moment
) > 1;

create or replace temp view career_outcomes_contribution as
select
    candidate.student,
    candidate.on_date,
    year(candidate.on_date) as year,
    if(
        counted_day.on_date is not null and later_candidate.log_offset is null,
        'career_outcomes',
        'outcomes_repeated'
    ) as measure,
    candidate.kind,
    if(first_enrolment.on_date <= candidate.on_date, 'student', 'learner') as population,
    month(candidate.on_date) as month
from candidate
left join later_candidate using (student, log_offset)
left join counted_day using (student, series, on_date)
left join first_enrolment on first_enrolment.student = candidate.student;
