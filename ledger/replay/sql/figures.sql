-- The cells of every year: contributions, counted by measure and group. SPEC section 4, measures.
--
-- Reads  contribution (the families' views, one under the other), membership, group_of
-- Makes  cell (year, measure, name, count)

-- A contribution names the furthest measure that it reaches, and counts under these as well.
create or replace temp table reached_before as
from (values
    ('career_outcomes', ['outcomes_declared']),
    ('outcomes_repeated', ['outcomes_declared']),
    ('became_students', ['applicants']),
    ('graduated_as_expected', ['expected_to_graduate']),
    ('respondents', ['graduates']),
    ('placed', ['respondents', 'graduates']),
    ('placed_in_field', ['placed', 'respondents', 'graduates'])
) as reached_before (measure, others);

create or replace temp table cell as
with counted as (
    select year, measure, category_bits, kind, population, month, funding, count(*) as count
    from contribution left join membership
        on contribution.student = membership.student
        and contribution.on_date >= membership.since
        and contribution.on_date < membership.until
    group by all
),
grouped as (
    select year, measure, name, count
    from counted join group_of on counted.category_bits is not distinct from group_of.category_bits
    union all
    select year, measure, 'kind:' || kind, count from counted where kind is not null
    union all
    select year, measure, 'population:' || population, count
    from counted where population is not null
    union all
    select year, measure, 'month:' || lpad(month::varchar, 2, '0'), count
    from counted where month is not null
    union all
    select year, measure, 'funding:' || funding, count from counted where funding is not null
),
measured as (
    from grouped
    union all
    select year, unnest(others), name, count from grouped join reached_before using (measure)
)
select year, measure, name, sum(count)::bigint as count from measured group by all;
