drop table identity.public_profiles;
