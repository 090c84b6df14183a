-- The cells of every year: contributions, counted by measure and group. SPEC section 4, measures.
--
-- Reads  contribution (the union of the families' views), membership, category_group; variable
--        years, of those that are wanted, null for all
-- Makes  cell (year, measure, name, count)

-- A contribution names the last measure of a funnel that it reaches, and counts under those before
-- it as well.
create or replace temp table implied_measure as
from (values
    ('career_outcomes', ['outcomes_declared']),
    ('outcomes_repeated', ['outcomes_declared']),
    ('became_students', ['applicants']),
    ('graduated_as_expected', ['expected_to_graduate']),
    ('respondents', ['graduates']),
    ('placed', ['respondents', 'graduates']),
    ('placed_in_field', ['placed', 'respondents', 'graduates'])
) as implied_measure (measure, implied);

create or replace temp table cell as
with counted_contribution as (
    select year, measure, category_bits, kind, population, month, funding, count(*) as count
    from contribution left join membership
        on contribution.student = membership.student
        and contribution.on_date >= membership.since
        and contribution.on_date < membership.until
    where getvariable('years') is null or list_contains(getvariable('years'), year)
    group by all
),
group_count as (
    select year, measure, name, count
    from counted_contribution join category_group
        on counted_contribution.category_bits is not distinct from category_group.category_bits
    union all
    select year, measure, 'kind:' || kind, count from counted_contribution where kind is not null
    union all
    select year, measure, 'population:' || population, count
    from counted_contribution where population is not null
    union all
    select year, measure, 'month:' || lpad(month::varchar, 2, '0'), count
    from counted_contribution where month is not null
    union all
    select year, measure, 'funding:' || funding, count
    from counted_contribution where funding is not null
),
measure_count as (
    from group_count
    union all
    select year, unnest(implied), name, count
    from group_count join implied_measure using (measure)
)
select year, measure, name, sum(count)::bigint as count from measure_count group by all;
