-- Which declarations are career outcomes: the 12-month rule. SPEC section 4, Career outcomes.
--
-- Reads  outcome, tied, began, zone_offset; variables outcome_*
-- Makes  career_outcomes_contribution (student, on_date, year, measure, kind, population, month)

create or replace temp table candidate as
with dated as (
    select *, outcome_on as on_date from outcome
    where getvariable('outcome_date') = 'outcome_on'
    union all
    select outcome.*, (time + to_seconds(zone_offset.seconds))::date
    from outcome asof join zone_offset on outcome.time >= zone_offset.since
    where getvariable('outcome_date') = 'time'
)
select
    * exclude (outcome_on, credited),
    -- Who is walked alone: the student, or each kind of a student.
    if(getvariable('outcome_window_scope') = 'student', '', kind) as walk
from dated
where list_contains(getvariable('outcome_kinds'), kind)
  and (credited or not getvariable('outcome_must_be_credited'));

-- A window is a month at least, so of several candidates on one day at most the first counts, and
-- the walk may go from day to day.
create or replace temp table day_walked as
select distinct student, walk, on_date from candidate;

create or replace temp table day_counted as
with recursive last_counted as (
    select student, walk, min(on_date) as on_date
    from day_walked where getvariable('outcome_window_anchor') = 'last_counted'
    group by student, walk
    union all
    select day_walked.student, day_walked.walk, min(day_walked.on_date)
    from last_counted as anchor
    join day_walked
        on day_walked.student = anchor.student
        and day_walked.walk = anchor.walk
        and day_walked.on_date >= anchor.on_date + to_months(getvariable('outcome_window_months'))
    group by day_walked.student, day_walked.walk
),
last_declared as (
    select student, walk, on_date, lag(on_date) over days as anchor_on
    from day_walked where getvariable('outcome_window_anchor') = 'last_declared'
    window days as (partition by student, walk order by on_date)
)
from last_counted
union all
select student, walk, on_date from last_declared
where anchor_on is null
   or on_date >= anchor_on + to_months(getvariable('outcome_window_months'))
union all
select student, walk, min(on_date)
from day_walked where getvariable('outcome_window_anchor') = 'calendar_year'
group by student, walk, year(on_date);

create or replace temp view career_outcomes_contribution as
with walked as (
    select
        *,
        row_number() over (
            partition by student, walk, on_date order by time, time_nanos, nth_of_moment
        ) as nth_of_day
    from candidate left join tied using (partition, place)
)
select
    walked.student,
    walked.on_date,
    year(walked.on_date) as year,
    if(
        walked.nth_of_day = 1 and day_counted.on_date is not null,
        'career_outcomes',
        'outcomes_repeated'
    ) as measure,
    walked.kind,
    if(began.on_date <= walked.on_date, 'student', 'learner') as population,
    month(walked.on_date) as month
from walked
left join day_counted using (student, walk, on_date)
left join began on began.student = walked.student;
