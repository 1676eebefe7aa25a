//! The rules: what each finds, why that is no good, and what to do instead.

/// A rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// What the statement would do; follows the statement in messages.
    pub(super) why: &'static str,
    pub(super) cure: &'static str,
    /// Whether it is about what the old revision needs, which in phase `contract` is gone.
    pub(super) breaks_only: bool,
}

const fn breaks(name: &'static str, why: &'static str, cure: &'static str) -> Rule {
    Rule { name, why, cure, breaks_only: true }
}

const fn blocks(name: &'static str, why: &'static str, cure: &'static str) -> Rule {
    Rule { name, why, cure, breaks_only: false }
}

pub(super) const DROP: Rule =
    breaks("drop", "takes away what the running revision may use", "move it into a file of phase contract");

pub(super) const RENAME: Rule = breaks(
    "rename",
    "takes away the name that the running revision uses",
    "add the new name beside the old one, fill it in phase data, drop the old one in phase contract",
);

pub(super) const TRUNCATE: Rule =
    breaks("truncate", "deletes rows that the running revision may use", "move it into a file of phase contract");

pub(super) const REQUIRED_COLUMN: Rule = breaks(
    "required-column",
    "makes the running revision's inserts fail, which do not know the column",
    "add the column with a constant default, or nullable",
);

pub(super) const UNKNOWN: Rule = breaks(
    "unknown",
    "is of a kind that the linter does not judge",
    "put `-- unchecked: <reason>` right before it if you know that it neither blocks nor breaks",
);

pub(super) const UNPARSED: Rule = breaks(
    "unparsed",
    "is not understood",
    "correct it, or put `-- unchecked: <reason>` right before it if you know that it neither blocks nor breaks",
);

pub(super) const NOT_DATA: Rule =
    blocks("not-data", "changes the schema in phase data", "move it into a file of phase expand or contract");

pub(super) const REWRITE: Rule = blocks(
    "rewrite",
    "rewrites the table while reads and writes wait",
    "add a column of the new type, fill it in phase data, switch to it, and drop the old one in phase contract",
);

pub(super) const SET_NOT_NULL: Rule = blocks(
    "set-not-null",
    "reads the whole table while reads and writes wait",
    "ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, in a later file VALIDATE CONSTRAINT, then SET NOT NULL",
);

pub(super) const VOLATILE_DEFAULT: Rule = blocks(
    "volatile-default",
    "writes a different value into every row while reads and writes wait",
    "add the column without a default, SET DEFAULT in a second statement, fill old rows in phase data",
);

pub(super) const NOT_VALID: Rule = blocks(
    "constraint-not-valid",
    "checks every row while writes wait",
    "add the constraint as NOT VALID, and VALIDATE CONSTRAINT in a later file",
);

pub(super) const USING_INDEX: Rule = blocks(
    "constraint-using-index",
    "builds an index while reads and writes wait",
    "CREATE UNIQUE INDEX CONCURRENTLY in a `-- no-transaction` file, then ADD CONSTRAINT … USING INDEX",
);

pub(super) const VALIDATE: Rule = blocks(
    "validate-with-add",
    "reads the whole table under the lock that adding the constraint took",
    "put VALIDATE CONSTRAINT into a later file, which is a transaction of its own",
);

pub(super) const INDEX: Rule = blocks(
    "index-blocks-writes",
    "builds an index on a large table while writes wait",
    "CREATE INDEX CONCURRENTLY in a file with `-- no-transaction`",
);

pub(super) const INDEX_TRANSACTION: Rule = blocks(
    "concurrently-in-transaction",
    "cannot run in a transaction",
    "put it into a file of its own with the line `-- no-transaction` first",
);

pub(super) const INDEX_NAME: Rule =
    blocks("index-without-name", "leaves an index that cannot be found again after a crash", "give the index a name");

pub(super) const NO_WHERE: Rule = blocks(
    "no-where",
    "locks and rewrites every row in one transaction",
    "say WHERE, or make it a batched backfill: phase data with `-- batch`",
);

pub(super) const TRANSACTION: Rule = blocks(
    "transaction-control",
    "would end the transaction that also records the migration",
    "remove it: the runner begins and commits",
);

pub(super) const SESSION: Rule = blocks(
    "session-setting",
    "would also hold for the migrations after it",
    "SET LOCAL; for time-outs use the lines `-- lock-timeout` and `-- statement-timeout`",
);

pub(super) const BATCH: Rule = blocks(
    "batch",
    "is no batched backfill",
    "write one INSERT, UPDATE or DELETE that changes at most $1 rows, in a file of phase data, without other statements",
);

pub(super) const VERIFY: Rule =
    blocks("verify", "is no query", "write one SELECT that answers one row with one column, true when all is well");

pub(super) const LOCK_TIMEOUT: Rule = blocks(
    "lock-timeout",
    "lets everybody who comes after it wait as long as it waits itself",
    "wait 30 s at most, and try again at a quieter time",
);
