-- What another machine finds in the file.
PRAGMA integrity_check;
SELECT count(*), sum(id), sum(weight), sum(length(note)) FROM item;
SELECT count(*), sum(one * two) FROM pair;
SELECT group_concat(word) FROM (SELECT word FROM item ORDER BY word LIMIT 50);
