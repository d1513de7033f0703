drop index identity.emails_words;
drop index identity.users_words;
drop function identity.trigram_query(text);
drop function identity.trigrams(text);
