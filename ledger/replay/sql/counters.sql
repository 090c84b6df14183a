-- Where every record went. SPEC section 5, log.records.
--
-- Reads  typed, admitted, examined, retraction, again, orphan
-- Makes  counter (name, count), one row for each that is not 0

create or replace temp table counter as
with verdicts as (
    select verdict, count(*) as count from examined where verdict <> 'event' group by verdict
)
select rule as name, count(*) as count from typed where rule is not null group by rule
union all
select
    'events',
    (select count(*) from admitted) - coalesce((select sum(count) from verdicts), 0)
union all
select
    case verdict
        when 'duplicate' then 'duplicates'
        when 'conflict' then 'conflicts'
        when 'one_too_many' then 'subject_must_not_exceed_1000_events'
    end,
    count
from verdicts
union all
select 'repeats', count(*) from again
union all
select 'retracted', count(*)
from (select distinct partition, place from retraction where state = 'in_force')
union all
select state, count(*) from retraction where state <> 'in_force' group by state
union all
select 'orphans', count(*) from orphan;
