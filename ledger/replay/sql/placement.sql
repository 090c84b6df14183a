-- Which graduates answered the survey, and which found work in time. SPEC section 4, Placement.
--
-- Reads  enrolment, answer; variables placement_*
-- Makes  placement_contribution (student, on_date, year, measure)

-- Days as MMDD: a window that begins in the year before then takes two comparisons.
create or replace temp table graduate as
with graduation as (
    select student, graduated_on, month(graduated_on) * 100 + day(graduated_on) as day
    from enrolment where graduated_on is not null
),
dated_graduation as (
    select
        student,
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
    from graduation
)
select student, year, min(graduated_on) as on_date
from dated_graduation where year is not null
group by student, year;

create or replace temp table respondent as
with answer_of_graduate as (
    select
        graduate.*,
        answer.answered_on,
        answer.log_offset,
        list_contains(getvariable('placement_statuses'), answer.status)
            and coalesce(
                answer.job_found_on
                    <= graduate.on_date + to_months(getvariable('placement_months')),
                false
            ) as is_placement,
        coalesce(answer.in_field, false) as in_field
    from graduate join answer
        on answer.student = graduate.student and answer.answered_on >= graduate.on_date
),
relevant_answer as (
    select * from answer_of_graduate
    qualify getvariable('placement_answer') = 'any'
        or row_number() over (
            partition by student, year order by answered_on desc, log_offset desc
        ) = 1
)
select
    student,
    year,
    bool_or(is_placement) as placed,
    bool_or(is_placement and in_field) as placed_in_field
from relevant_answer group by student, year;

create or replace temp view placement_contribution as
select
    graduate.student,
    graduate.on_date,
    graduate.year,
    case
        when placed_in_field then 'placed_in_field'
        when placed then 'placed'
        when respondent.student is not null then 'respondents'
        else 'graduates'
    end as measure
from graduate left join respondent using (student, year);
