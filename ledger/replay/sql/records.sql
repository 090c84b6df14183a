-- What becomes of each admitted record: event, duplicate, conflict, one too many, retracted.
-- SPEC section 1, "Which records count".
--
-- Reads  typed      every record below the cut, see ledger/replay/typed.py
-- Makes  examined   the records that need a closer look, each with its verdict
--        retraction the retractions, each with the event that it names
--        set_aside  the places of records that no figure is made of
--        standing   the others: first of their identity, not retracted

-- A subject lies in one partition, so within a subject log order is the order of offsets.
create or replace temp view admitted as
select *, "offset" as place from typed where rule is null;

create or replace temp table crowded as
select subject from admitted group by subject having count(*) > 1000;

-- `identity` is 64 bits of the identity. Only an event whose number occurs twice, that retracts or may
-- be retracted, or whose subject is crowded can be set aside; those few are compared in full below.
create or replace temp table doubtful as
select identity from admitted group by identity having count(*) > 1
union
select unnest([identity, retracts_identity])
from admitted where type = 'ledger.event.retracted.v1'
union
select identity from admitted semi join crowded using (subject);

create or replace temp table examined as
with looked_at as (
    select partition, place, subject, source, id, type, digest, retracts_source, retracts_id
    from admitted semi join doubtful using (identity)
),
compared as (
    select
        *,
        first_value(place) over copies as first_place,
        first_value(digest) over copies as first_digest
    from looked_at
    window copies as (partition by subject, source, id order by place)
),
numbered as (
    select *, dense_rank() over (partition by subject order by first_place) as nth_of_subject
    from compared
)
select
    * exclude (digest, first_place, first_digest, nth_of_subject),
    case
        when nth_of_subject > 1000 then 'one_too_many'
        when place = first_place then 'event'
        when digest = first_digest then 'duplicate'
        else 'conflict'
    end as verdict
from numbered;

create or replace temp table retraction as
select
    named.partition,
    named.place,
    case
        when named.place is null then 'pending'
        when named.type = 'ledger.event.retracted.v1' then 'void'
        else 'in_force'
    end as state
from examined as retracting
left join examined as named
    on named.subject = retracting.subject
    and named.source = retracting.retracts_source
    and named.id = retracting.retracts_id
    and named.verdict = 'event'
where retracting.verdict = 'event' and retracting.type = 'ledger.event.retracted.v1';

create or replace temp table set_aside as
select partition, place from examined where verdict <> 'event'
union
select partition, place from retraction where state = 'in_force';

create or replace temp view standing as
from admitted anti join set_aside using (partition, place);
