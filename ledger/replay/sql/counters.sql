-- How many records became what. SPEC section 5, log.records.
--
-- Reads  typed_record, admitted_record, record_verdict, retraction, repeat, orphan
-- Makes  counter (name, count), one row for each that is not 0

create or replace temp table counter as
with verdict_count as (
    select verdict, count(*) as count from record_verdict where verdict <> 'event' group by verdict
)
select rule as name, count(*) as count from typed_record where rule is not null group by rule
union all
select
    'events',
    (select count(*) from admitted_record) - coalesce((select sum(count) from verdict_count), 0)
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
