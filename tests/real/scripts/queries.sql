-- A database that grows, is changed, indexed, joined, and found whole.
PRAGMA cache_size = 3000;
CREATE TABLE item (id INTEGER PRIMARY KEY, word TEXT, weight INTEGER, note BLOB);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
INSERT INTO item SELECT i, 'word' || (i * 7919 % 12007), i * 31 % 997, zeroblob(i % 300) FROM n;
COMMIT;
SELECT count(*), sum(weight), sum(length(note)) FROM item;
CREATE INDEX by_word ON item (word);
CREATE TABLE pair AS SELECT a.id AS one, b.id AS two FROM item a JOIN item b ON b.word = 'word' || (a.id % 12007) WHERE a.id % 3 = 0;
SELECT count(*), sum(one * two) FROM pair;
BEGIN;
UPDATE item SET word = upper(word), note = hex(weight) WHERE id % 5 = 0;
DELETE FROM item WHERE id % 7 = 0;
COMMIT;
BEGIN;
DELETE FROM pair;
ROLLBACK;
SELECT count(*) FROM pair;
SELECT word, count(*), avg(weight) FROM item GROUP BY substr(word, 1, 5) ORDER BY 1 LIMIT 12;
SELECT id, word, weight FROM item ORDER BY weight DESC, word LIMIT 8;
VACUUM;
PRAGMA integrity_check;
