drop table practice.weekly_progress;
drop table practice.reflections;
drop table practice.summaries;
drop table practice.rewrites;
drop table practice.turns;
drop table practice.sessions;
drop table practice.scenes;
drop schema practice;
