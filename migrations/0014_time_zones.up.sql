-- Time zones by a name that the server may not know: Debian's package drops old names in minor releases, browsers go on
-- sending them, and new ones reach browsers first. So the shape of a name is all that a row must keep to; which names there
-- are is said by the zone data in the programs, and what a stored one means is found out when it is used.

-- Names that were given up, each with the one that took its place (the file `backward` of the tz database), and names that
-- PostgreSQL would take for an abbreviation, which has no summer time.
create function identity.time_zone_links() returns table (name text, successor text)
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    values
        ('Africa/Asmera', 'Africa/Asmara'), ('Africa/Timbuktu', 'Africa/Bamako'),
        ('America/Argentina/ComodRivadavia', 'America/Argentina/Catamarca'), ('America/Atka', 'America/Adak'),
        ('America/Buenos_Aires', 'America/Argentina/Buenos_Aires'),
        ('America/Catamarca', 'America/Argentina/Catamarca'), ('America/Coral_Harbour', 'America/Atikokan'),
        ('America/Cordoba', 'America/Argentina/Cordoba'), ('America/Ensenada', 'America/Tijuana'),
        ('America/Fort_Wayne', 'America/Indiana/Indianapolis'), ('America/Godthab', 'America/Nuuk'),
        ('America/Indianapolis', 'America/Indiana/Indianapolis'), ('America/Jujuy', 'America/Argentina/Jujuy'),
        ('America/Knox_IN', 'America/Indiana/Knox'), ('America/Kralendijk', 'America/Curacao'),
        ('America/Louisville', 'America/Kentucky/Louisville'), ('America/Lower_Princes', 'America/Curacao'),
        ('America/Marigot', 'America/Port_of_Spain'), ('America/Mendoza', 'America/Argentina/Mendoza'),
        ('America/Montreal', 'America/Toronto'), ('America/Nipigon', 'America/Toronto'),
        ('America/Pangnirtung', 'America/Iqaluit'), ('America/Porto_Acre', 'America/Rio_Branco'),
        ('America/Rainy_River', 'America/Winnipeg'), ('America/Rosario', 'America/Argentina/Cordoba'),
        ('America/Santa_Isabel', 'America/Tijuana'), ('America/Shiprock', 'America/Denver'),
        ('America/St_Barthelemy', 'America/Port_of_Spain'), ('America/Thunder_Bay', 'America/Toronto'),
        ('America/Virgin', 'America/St_Thomas'), ('America/Yellowknife', 'America/Edmonton'),
        ('Antarctica/South_Pole', 'Antarctica/McMurdo'), ('Arctic/Longyearbyen', 'Europe/Oslo'),
        ('Asia/Ashkhabad', 'Asia/Ashgabat'), ('Asia/Calcutta', 'Asia/Kolkata'),
        ('Asia/Choibalsan', 'Asia/Ulaanbaatar'), ('Asia/Chongqing', 'Asia/Shanghai'),
        ('Asia/Chungking', 'Asia/Shanghai'), ('Asia/Dacca', 'Asia/Dhaka'), ('Asia/Harbin', 'Asia/Shanghai'),
        ('Asia/Istanbul', 'Europe/Istanbul'), ('Asia/Kashgar', 'Asia/Urumqi'), ('Asia/Katmandu', 'Asia/Kathmandu'),
        ('Asia/Macao', 'Asia/Macau'), ('Asia/Rangoon', 'Asia/Yangon'), ('Asia/Saigon', 'Asia/Ho_Chi_Minh'),
        ('Asia/Tel_Aviv', 'Asia/Jerusalem'), ('Asia/Thimbu', 'Asia/Thimphu'),
        ('Asia/Ujung_Pandang', 'Asia/Makassar'), ('Asia/Ulan_Bator', 'Asia/Ulaanbaatar'),
        ('Atlantic/Faeroe', 'Atlantic/Faroe'), ('Atlantic/Jan_Mayen', 'Europe/Oslo'),
        ('Australia/ACT', 'Australia/Sydney'), ('Australia/Canberra', 'Australia/Sydney'),
        ('Australia/Currie', 'Australia/Hobart'), ('Australia/LHI', 'Australia/Lord_Howe'),
        ('Australia/NSW', 'Australia/Sydney'), ('Australia/North', 'Australia/Darwin'),
        ('Australia/Queensland', 'Australia/Brisbane'), ('Australia/South', 'Australia/Adelaide'),
        ('Australia/Tasmania', 'Australia/Hobart'), ('Australia/Victoria', 'Australia/Melbourne'),
        ('Australia/West', 'Australia/Perth'), ('Australia/Yancowinna', 'Australia/Broken_Hill'),
        ('Brazil/Acre', 'America/Rio_Branco'), ('Brazil/DeNoronha', 'America/Noronha'),
        ('Brazil/East', 'America/Sao_Paulo'), ('Brazil/West', 'America/Manaus'), ('CET', 'Europe/Brussels'),
        ('CST6CDT', 'America/Chicago'), ('Canada/Atlantic', 'America/Halifax'),
        ('Canada/Central', 'America/Winnipeg'), ('Canada/Eastern', 'America/Toronto'),
        ('Canada/Mountain', 'America/Edmonton'), ('Canada/Newfoundland', 'America/St_Johns'),
        ('Canada/Pacific', 'America/Vancouver'), ('Canada/Saskatchewan', 'America/Regina'),
        ('Canada/Yukon', 'America/Whitehorse'), ('Chile/Continental', 'America/Santiago'),
        ('Chile/EasterIsland', 'Pacific/Easter'), ('Cuba', 'America/Havana'), ('EET', 'Europe/Athens'),
        ('EST', 'America/Panama'), ('EST5EDT', 'America/New_York'), ('Egypt', 'Africa/Cairo'),
        ('Eire', 'Europe/Dublin'), ('Etc/GMT+0', 'Etc/GMT'), ('Etc/GMT-0', 'Etc/GMT'), ('Etc/GMT0', 'Etc/GMT'),
        ('Etc/Greenwich', 'Etc/GMT'), ('Etc/UCT', 'Etc/UTC'), ('Etc/Universal', 'Etc/UTC'), ('Etc/Zulu', 'Etc/UTC'),
        ('Europe/Belfast', 'Europe/London'), ('Europe/Bratislava', 'Europe/Prague'),
        ('Europe/Busingen', 'Europe/Zurich'), ('Europe/Kiev', 'Europe/Kyiv'),
        ('Europe/Mariehamn', 'Europe/Helsinki'), ('Europe/Nicosia', 'Asia/Nicosia'),
        ('Europe/Podgorica', 'Europe/Belgrade'), ('Europe/San_Marino', 'Europe/Rome'),
        ('Europe/Tiraspol', 'Europe/Chisinau'), ('Europe/Uzhgorod', 'Europe/Kyiv'),
        ('Europe/Vatican', 'Europe/Rome'), ('Europe/Zaporozhye', 'Europe/Kyiv'), ('GB', 'Europe/London'),
        ('GB-Eire', 'Europe/London'), ('GMT+0', 'Etc/GMT'), ('GMT-0', 'Etc/GMT'), ('GMT0', 'Etc/GMT'),
        ('Greenwich', 'Etc/GMT'), ('HST', 'Pacific/Honolulu'), ('Hongkong', 'Asia/Hong_Kong'),
        ('Iceland', 'Atlantic/Reykjavik'), ('Iran', 'Asia/Tehran'), ('Israel', 'Asia/Jerusalem'),
        ('Jamaica', 'America/Jamaica'), ('Japan', 'Asia/Tokyo'), ('Kwajalein', 'Pacific/Kwajalein'),
        ('Libya', 'Africa/Tripoli'), ('MET', 'Europe/Brussels'), ('MST', 'America/Phoenix'),
        ('MST7MDT', 'America/Denver'), ('Mexico/BajaNorte', 'America/Tijuana'),
        ('Mexico/BajaSur', 'America/Mazatlan'), ('Mexico/General', 'America/Mexico_City'),
        ('NZ', 'Pacific/Auckland'), ('NZ-CHAT', 'Pacific/Chatham'), ('Navajo', 'America/Denver'),
        ('PRC', 'Asia/Shanghai'), ('PST8PDT', 'America/Los_Angeles'), ('Pacific/Enderbury', 'Pacific/Kanton'),
        ('Pacific/Johnston', 'Pacific/Honolulu'), ('Pacific/Ponape', 'Pacific/Pohnpei'),
        ('Pacific/Samoa', 'Pacific/Pago_Pago'), ('Pacific/Truk', 'Pacific/Chuuk'), ('Pacific/Yap', 'Pacific/Chuuk'),
        ('Poland', 'Europe/Warsaw'), ('Portugal', 'Europe/Lisbon'), ('ROC', 'Asia/Taipei'), ('ROK', 'Asia/Seoul'),
        ('Singapore', 'Asia/Singapore'), ('Turkey', 'Europe/Istanbul'), ('UCT', 'Etc/UTC'),
        ('US/Alaska', 'America/Anchorage'), ('US/Aleutian', 'America/Adak'), ('US/Arizona', 'America/Phoenix'),
        ('US/Central', 'America/Chicago'), ('US/East-Indiana', 'America/Indiana/Indianapolis'),
        ('US/Eastern', 'America/New_York'), ('US/Hawaii', 'Pacific/Honolulu'),
        ('US/Indiana-Starke', 'America/Indiana/Knox'), ('US/Michigan', 'America/Detroit'),
        ('US/Mountain', 'America/Denver'), ('US/Pacific', 'America/Los_Angeles'), ('US/Samoa', 'Pacific/Pago_Pago'),
        ('Universal', 'Etc/UTC'), ('W-SU', 'Europe/Moscow'), ('WET', 'Europe/Lisbon'), ('Zulu', 'Etc/UTC')
$$;
revoke execute on function identity.time_zone_links() from public;
grant execute on function identity.time_zone_links() to praxis_request, praxis_service;

-- A name that this server knows and that means the same: the stored one, else its successor or another of its names, else
-- UTC. A warning, which the functions log, says when the stored one was not known.
create function identity.known_time_zone(stored text) returns text
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    replacement text := (select link.successor from identity.time_zone_links() link where link.name = stored);
    -- Without a slash the name may be an abbreviation.
    is_abbreviation boolean := replacement is not null and stored not like '%/%';
    candidate text;
begin
    for candidate in
        select stored where not is_abbreviation
        union all
        select replacement where replacement is not null
        union all
        (select link.name from identity.time_zone_links() link
         where link.successor in (stored, replacement) and link.name <> stored
         order by link.name)
        union all
        select 'UTC'
    loop
        begin
            perform timestamptz 'epoch' at time zone candidate;
            if candidate <> stored and not is_abbreviation then
                raise warning 'the database server does not know the time zone %: it counts as %', stored, candidate;
            end if;
            return candidate;
        exception when invalid_parameter_value then
            null; -- the next
        end;
    end loop;
end
$$;
revoke execute on function identity.known_time_zone(text) from public;
grant execute on function identity.known_time_zone(text) to praxis_request, praxis_service;

-- The first moment of a day. Where clocks are put back across midnight it comes twice: the day begins at the earlier one,
-- while `at time zone` takes the later. Where they are put forward across it, the day begins with what comes after.
create function identity.start_of_day(day date, zone text) returns timestamptz
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    midnight timestamp := day;
    later timestamptz := midnight at time zone zone;
    -- As the clocks were a day before.
    before timestamptz := later - interval '24 hours';
    earlier timestamptz := (midnight - (before at time zone zone - before at time zone 'UTC')) at time zone 'UTC';
begin
    if earlier < later and earlier at time zone zone = midnight then
        return earlier;
    end if;
    return later;
end
$$;
revoke execute on function identity.start_of_day(date, text) from public;
grant execute on function identity.start_of_day(date, text) to praxis_request, praxis_service;

-- The rule was asked of the server's files at every write of a row, for 16 ms, and could change under the rows.
alter table identity.users
    drop constraint users_timezone_check,
    add constraint users_timezone_check
        check (timezone ~ '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$' and length(timezone) <= 64);
drop function identity.is_time_zone(text);
