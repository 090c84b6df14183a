-- What becomes of each admitted record: event, duplicate, conflict, one too many, retracted.
-- SPEC section 1, Which records count.
--
-- Reads  typed       every record below the cut, see ledger/columns/schema.py
-- Makes  examined    the records that need a closer look, each with its verdict
--        retraction  the retractions, each with the event that it names
--        set_aside   the places of records that no figure is made of
--        standing    the others: first of their identity, not retracted
--
-- `student`, `identity` and `digest` are 128 bits of a hash that stand for the subject, for subject,
-- source and id together, and for the content.

-- A subject lies in one partition, so within a subject log order is the order of offsets.
create or replace temp view admitted as
select *, "offset" as place from typed where rule is null;

create or replace temp table crowded as
select student from admitted group by student having count(*) > 1000;

-- An identity takes its place among its subject's events with its first record.
create or replace temp table one_too_many as
with stated as (
    select student, identity, min(place) as first_place
    from admitted semi join crowded using (student)
    group by student, identity
)
select identity from stated
qualify row_number() over (partition by student order by first_place) > 1000;

create or replace temp table retracting as
select identity, retracts_identity from admitted where type = 'ledger.event.retracted.v1';

-- Only what was stated twice, retracts or may be retracted, or is one too many can be set aside.
create or replace temp table doubtful as
select identity from admitted group by identity having count(*) > 1
union
select identity from retracting
union
select retracts_identity from retracting
union
from one_too_many;

create or replace temp table examined as
select
    partition,
    place,
    identity,
    retracts_identity,
    type,
    case
        when identity in (from one_too_many) then 'one_too_many'
        when place = first_value(place) over copies then 'event'
        when digest = first_value(digest) over copies then 'duplicate'
        else 'conflict'
    end as verdict
from admitted semi join doubtful using (identity)
window copies as (partition by identity order by place);

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
    on named.identity = retracting.retracts_identity
    and named.verdict = 'event'
where retracting.verdict = 'event' and retracting.type = 'ledger.event.retracted.v1';

create or replace temp table set_aside as
select partition, place from examined where verdict <> 'event'
union
select partition, place from retraction where state = 'in_force';

create or replace temp view standing as
from admitted anti join set_aside using (partition, place);
