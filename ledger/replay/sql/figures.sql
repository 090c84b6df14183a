-- The cells of every year: contributions, counted by measure and group. SPEC section 4, the table.
--
-- Reads  career_outcome, orientation, enrolled, graduation, placement, membership, group_of
-- Makes  cell (year, measure, name, count)

create or replace temp table cell as
with contribution as (
    from career_outcome
    union all by name from orientation
    union all by name from enrolled
    union all by name from graduation
    union all by name from placement
),
counted as (
    select year, measure, mask, kind, population, month, funding, count(*) as count
    from contribution left join membership
        on contribution.subject = membership.subject
        and contribution.on_date >= membership.since
        and contribution.on_date < membership.until
    group by all
),
grouped as (
    select year, measure, name, count
    from counted join group_of on counted.mask is not distinct from group_of.mask
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
    select year, 'outcomes_declared', name, count
    from grouped where measure in ('career_outcomes', 'outcomes_repeated')
)
select year, measure, name, sum(count)::bigint as count from measured group by all;
