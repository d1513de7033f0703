drop table identity.rate_limits;
