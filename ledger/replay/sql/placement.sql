-- Which graduates answered, and which of them found work in time. SPEC section 4, Placement.
--
-- Reads  enrolment, answer; variables placement_*
-- Makes  placement (subject, on_date, year, measure)

-- Days as MMDD, so that a window that begins in the year before is two plain comparisons.
create or replace temp table graduate as
with graduated as (
    select subject, graduated_on, month(graduated_on) * 100 + day(graduated_on) as day
    from enrolment where graduated_on is not null
),
windowed as (
    select
        subject,
        graduated_on,
        case
            when getvariable('placement_first') <= getvariable('placement_last')
                then if(
                    day between getvariable('placement_first') and getvariable('placement_last'),
                    year(graduated_on),
                    null
                )
            when day >= getvariable('placement_first') then year(graduated_on) + 1
            when day <= getvariable('placement_last') then year(graduated_on)
        end as year
    from graduated
)
select subject, year, min(graduated_on) as on_date
from windowed where year is not null
group by subject, year;

create or replace temp table respondent as
with considered as (
    select
        graduate.*,
        answer.answered_on,
        answer.place,
        list_contains(getvariable('placement_statuses'), answer.status)
            and coalesce(
                answer.job_found_on
                    <= graduate.on_date + to_months(getvariable('placement_months')),
                false
            ) as places,
        coalesce(answer.in_field, false) as in_field
    from graduate join answer
        on answer.subject = graduate.subject and answer.answered_on >= graduate.on_date
),
judged as (
    select * from considered
    qualify getvariable('placement_answer') = 'any'
        or row_number() over (
            partition by subject, year order by answered_on desc, place desc
        ) = 1
)
select
    subject,
    on_date,
    year,
    bool_or(places) as placed,
    bool_or(places and in_field) as placed_in_field
from judged group by subject, on_date, year;

create or replace temp table placement as
select subject, on_date, year, 'graduates' as measure from graduate
union all
select subject, on_date, year, 'respondents' from respondent
union all
select subject, on_date, year, 'placed' from respondent where placed
union all
select subject, on_date, year, 'placed_in_field' from respondent where placed_in_field;
