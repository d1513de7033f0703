drop trigger quota on practice.sessions;
drop trigger quota on practice.scenes;
drop function practice.keep_within();
