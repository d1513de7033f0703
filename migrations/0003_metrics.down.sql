drop table platform.recent_errors;
drop table platform.request_counts;
drop table platform.log_batches;
