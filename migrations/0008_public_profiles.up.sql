-- What a person shows of themselves on their public page.
create table identity.public_profiles (
    user_id uuid primary key references identity.users (id) on delete cascade,
    full_name text check (length(full_name) <= 255),
    name text check (length(name) <= 255),
    about text check (length(about) <= 10000),
    -- Addresses that a page links to: never one that runs as a script.
    avatar_url text check (length(avatar_url) <= 2048 and avatar_url ~* '^https?://'),
    business_name text check (length(business_name) <= 255),
    tagline text check (length(tagline) <= 500),
    bio text check (length(bio) <= 10000),
    phone text check (length(phone) <= 50),
    website text check (length(website) <= 500 and website ~* '^https?://'),
    -- From a place's name to an address.
    social_links jsonb check (jsonb_typeof(social_links) = 'object'),
    setup_completed boolean not null default false,
    profile_type text check (length(profile_type) <= 50),
    faqs text check (length(faqs) <= 10000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

alter table identity.public_profiles enable row level security;
alter table identity.public_profiles force row level security;
create policy own_row on identity.public_profiles to authenticated
    using (user_id = (select identity.request_user_id()))
    with check (user_id = (select identity.request_user_id()));
create policy every_row on identity.public_profiles to service using (true) with check (true);

grant select, insert on identity.public_profiles to authenticated;
grant update (full_name, name, about, avatar_url, business_name, tagline, bio, phone, website, social_links,
    setup_completed, profile_type, faqs, updated_at) on identity.public_profiles to authenticated;
grant select, delete on identity.public_profiles to service;
