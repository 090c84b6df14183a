-- What each admitted record is: an event, a duplicate, a conflict, one too many, or retracted.
-- SPEC section 1, Which records count.
--
-- Reads  typed_record     every record below the cut, see ledger/columns/schema.py
-- Makes  admitted_record  those that pass admission
--        record_verdict   what those records are that may be anything but an event in force
--        retraction       the retractions, each with the event that it names
--        excluded_record  the records that no figure is made of
--        event_in_force   the others: the first of their identity, and not retracted
--
-- `student`, `identity` and `digest` are 128 bits of a hash: of the subject, of subject, source and
-- id together, and of the content.

-- All records of a subject are in one partition, so their offsets are in log order.
create or replace temp view admitted_record as
select *, "offset" as log_offset from typed_record where rule is null;

-- Hardly any student has so many records; nobody has, where no part of all students has.
create or replace temp table crowded_student as
with crowded_part as (
    select (hash(student) & 16383)::usmallint as part
    from admitted_record group by part having count(*) > 1000
)
select student from admitted_record
where (hash(student) & 16383)::usmallint in (from crowded_part)
group by student having count(*) > 1000;

-- The first record of an identity decides where it stands among its subject's events.
create or replace temp table excess_identity as
with first_record as (
    select student, identity, min(log_offset) as first_offset
    from admitted_record semi join crowded_student using (student)
    group by student, identity
)
select identity from first_record
qualify row_number() over (partition by student order by first_offset) > 1000;

create or replace temp table retracting_event as
select identity, retracts_identity from admitted_record where type = 'ledger.event.retracted.v1';

-- Only these can be excluded: identities stated twice, retractions and what they name, and those
-- beyond the limit.
create or replace temp table contested_identity as
select identity from admitted_record group by identity having count(*) > 1
union
select identity from retracting_event
union
select retracts_identity from retracting_event
union
from excess_identity;

create or replace temp table contested_record as
select partition, log_offset, identity, digest, retracts_identity, type
from admitted_record semi join contested_identity using (identity);

create or replace temp table record_verdict as
with repeated_identity as (
    select
        identity,
        min(log_offset) as first_offset,
        arg_min(digest, log_offset) as first_digest
    from contested_record group by identity having count(*) > 1
)
select
    partition,
    log_offset,
    identity,
    retracts_identity,
    type,
    case
        when identity in (from excess_identity) then 'excess_event'
        when first_offset is null or log_offset = first_offset then 'event'
        when digest = first_digest then 'duplicate'
        else 'conflict'
    end as verdict
from contested_record left join repeated_identity using (identity);

create or replace temp table retraction as
select
    named_event.partition,
    named_event.log_offset,
    case
        when named_event.log_offset is null then 'pending'
        when named_event.type = 'ledger.event.retracted.v1' then 'void'
        else 'in_force'
    end as state
from record_verdict as retracting_event
left join record_verdict as named_event
    on named_event.identity = retracting_event.retracts_identity
    and named_event.verdict = 'event'
where retracting_event.verdict = 'event' and retracting_event.type = 'ledger.event.retracted.v1';

create or replace temp table excluded_record as
select partition, log_offset from record_verdict where verdict <> 'event'
union
select partition, log_offset from retraction where state = 'in_force';

create or replace temp view event_in_force as
from admitted_record anti join excluded_record using (partition, log_offset);
