CREATE TABLE dateline_schema (version BIGINT NOT NULL);
INSERT INTO dateline_schema VALUES (0);
CREATE TABLE stored_events (
notification_id    BIGINT PRIMARY KEY,              -- the position
originator_id      TEXT COLLATE "C" NOT NULL,       -- the stream
originator_version BIGINT NOT NULL,
topic              TEXT   NOT NULL,                 -- the event type
state              BYTEA  NOT NULL,                 -- its fields, JSON
event_id           TEXT COLLATE "C" NOT NULL,
recorded_at        BIGINT NOT NULL,                 -- microseconds, UTC
recorder           TEXT,
schema_version     BIGINT NOT NULL,
salts              BYTEA  NOT NULL,                 -- JSON, hex by field
hash               TEXT   NOT NULL
);
CREATE UNIQUE INDEX stored_events_stream
ON stored_events (originator_id, originator_version);
CREATE UNIQUE INDEX stored_events_id ON stored_events (event_id);
CREATE VIEW log AS
SELECT notification_id AS position, event_id AS id, topic AS type, state AS fields,
       originator_id AS stream, originator_version AS version,
       recorded_at, recorder, schema_version, salts, hash
FROM stored_events;
CREATE TABLE IF NOT EXISTS steps (
    claim          TEXT COLLATE "C"    NOT NULL,
    known_from     BIGINT  NOT NULL,
    recorded_from  BIGINT  NOT NULL,
    recorded_until BIGINT  NOT NULL,
    variant        INTEGER NOT NULL,
    status         TEXT    NOT NULL,
    since          BIGINT  NOT NULL,
    weights        TEXT    NOT NULL,
    answer         TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS steps_key
ON steps (claim, known_from, recorded_from, variant, recorded_until);
CREATE TABLE IF NOT EXISTS reaches (
    claim         TEXT COLLATE "C"   NOT NULL,
    recorded_from BIGINT NOT NULL,
    known_from    BIGINT NOT NULL,
    PRIMARY KEY (claim, recorded_from)
);
CREATE TABLE IF NOT EXISTS claims (
    topic          TEXT COLLATE "C"   NOT NULL,
    claim          TEXT COLLATE "C"   NOT NULL,
    recorded_from  BIGINT NOT NULL,
    recorded_until BIGINT NOT NULL,
    head           TEXT   NOT NULL,
    rivals         TEXT,
    PRIMARY KEY (topic, claim, recorded_from)
);
CREATE TABLE IF NOT EXISTS uncertain (
    topic          TEXT COLLATE "C"    NOT NULL,
    width          INTEGER NOT NULL,
    earliest       BIGINT  NOT NULL,
    latest         BIGINT  NOT NULL,
    recorded_from  BIGINT  NOT NULL,
    recorded_until BIGINT  NOT NULL,
    claim          TEXT COLLATE "C"    NOT NULL,
    statement      TEXT COLLATE "C"    NOT NULL,
    PRIMARY KEY (topic, width, earliest, recorded_from)
);
CREATE TABLE IF NOT EXISTS speakers (
    source TEXT COLLATE "C" NOT NULL,
    claim  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (source, claim)
);
CREATE TABLE IF NOT EXISTS contradictions (
    claim    TEXT COLLATE "C"   NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (claim, position)
);
CREATE TABLE IF NOT EXISTS promises (
    expectation TEXT COLLATE "C"   NOT NULL,
    position    BIGINT NOT NULL,
    PRIMARY KEY (expectation)
);
CREATE TABLE IF NOT EXISTS moments (
    recorded_at BIGINT NOT NULL,
    position    BIGINT NOT NULL,
    PRIMARY KEY (recorded_at)
);
UPDATE dateline_schema SET version = 1;
