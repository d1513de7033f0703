-- How many mails an address gets, whoever asks and for whatever reason: the rule stands at the outbox itself, so that no
-- route can forget it. What is over it is not put in, and is counted here without the address.

-- Whose mailbox: SHA-256 of the address in lower case and without what follows a `+`, which leads to the same mailbox.
alter table platform.outbox add column receiver bytea check (length(receiver) = 32);
create index outbox_receiver on platform.outbox (receiver, created_at) where receiver is not null;
insert into identity.export_exclusions (table_name, column_name, reason)
values ('platform.outbox', 'receiver', 'the hash of an address that stands in its own table');

create table platform.mails_held_back (
    day date not null,
    template text not null check (length(template) <= 64),
    reason text not null check (reason in ('too_many', 'unproven')),
    mails bigint not null check (mails > 0),
    primary key (day, template, reason)
);
alter table platform.mails_held_back enable row level security;
alter table platform.mails_held_back force row level security;
create policy every_row on platform.mails_held_back to praxis_service using (true) with check (true);
grant select, insert, update, delete on platform.mails_held_back to praxis_service;
comment on table platform.mails_held_back is 'How many mails were not sent, and why; nobody is named.';

-- Runs as whoever puts the mail in, who is the service: nobody else may.
create function platform.admit_mail() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    address text := lower(trim(new.payload ->> 'to'));
    template text := left(coalesce(new.payload ->> 'template', ''), 64);
    -- What somebody asks for who has not shown yet that the mailbox is theirs; everything else speaks of an account.
    proves_address boolean := template in ('verify_email', 'reset_password', 'change_email');
    -- Ten an hour and thirty a day. Links that set a password are counted by themselves, three and ten, so that no flood of
    -- other mails keeps somebody out of their account, and none of these keeps them from hearing what is done with it.
    sets_password boolean := starts_with(new.dedup_key, 'reset_password:');
    per_hour integer := case when sets_password then 3 else 10 end;
    per_day integer := case when sets_password then 10 else 30 end;
    held_back text;
begin
    new.receiver := sha256(convert_to(regexp_replace(address, '\+[^@]*@', '@'), 'UTF8'));
    if not proves_address
        and exists (select from identity.emails where email = address and verified_at is null) then
        held_back := 'unproven';
    else
        -- Two at once wait for each other, and the second counts the first.
        perform pg_advisory_xact_lock(hashtextextended('platform.outbox ' || encode(new.receiver, 'hex'), 0));
        select 'too_many' into held_back
        from platform.outbox
        where receiver = new.receiver and created_at > now() - interval '1 day'
          and starts_with(dedup_key, 'reset_password:') = sets_password
        having count(*) >= per_day or count(*) filter (where created_at > now() - interval '1 hour') >= per_hour;
    end if;
    if held_back is null then
        return new;
    end if;
    insert into platform.mails_held_back as counted (day, template, reason, mails)
    values ((now() at time zone 'UTC')::date, template, held_back, 1)
    on conflict on constraint mails_held_back_pkey do update set mails = counted.mails + 1;
    return null;
end
$$;
revoke all on function platform.admit_mail() from public;

create trigger admit_mail before insert on platform.outbox
    for each row when (new.topic = 'mail' and new.payload ->> 'to' is not null)
    execute function platform.admit_mail();
