-- How many records became what. SPEC section 5, log.records.
--
-- Reads  typed_record, record_verdict, retraction, repeat, orphan
-- Makes  record_count (rule, count, recorded_at), the latest recorded_at; rule is null for admitted
--        counter (name, count), one row for each that is not 0

create or replace temp table record_count as
select rule, count(*) as count, max(recorded_at) as recorded_at from typed_record group by rule;

create or replace temp table counter as
with verdict_count as (
    select verdict, count(*) as count from record_verdict where verdict <> 'event' group by verdict
)
select rule as name, count from record_count where rule is not null
union all
select
    'events',
    coalesce((select count from record_count where rule is null), 0)
        - coalesce((select sum(count) from verdict_count), 0)
union all
select
    case verdict
        when 'duplicate' then 'duplicates'
        when 'conflict' then 'conflicts'
        when 'excess_event' then 'subject_must_not_exceed_1000_events'
    end,
    count
from verdict_count
union all
select 'repeats', count(*) from repeat
union all
select 'retracted', count(*)
from (select distinct partition, log_offset from retraction where state = 'in_force')
union all
select state, count(*) from retraction where state <> 'in_force' group by state
union all
select 'orphans', count(*) from orphan;
