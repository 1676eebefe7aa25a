//! The releases: one that is good, and three that are caught, each at the earliest moment it can be.

mod follow;
mod story;

use std::path::Path;
use std::time::Duration;

use super::Options;
use super::stack::{Setting, Stack, Worker};
use crate::failure::{During, Failure};
use crate::scratch::Scratch;
use crate::service::postgres::Postgres;

use follow::Told;
use story::{Stage, Story};

/// What the stories need beside the engine.
pub(super) struct Scene {
    migrations: Scratch,
    postgres: Option<Postgres>,
}

impl Scene {
    /// Sets the scene: a database, and a copy of the migrations.
    pub(super) fn new(root: &Path) -> Result<Self, Failure> {
        let migrations = Scratch::new()?;
        let (from, to) = (root.join("infra/local/migrations/orders"), migrations.path().join("orders"));
        std::fs::create_dir_all(&to).during(|| to.display().to_string())?;
        for file in std::fs::read_dir(&from).during(|| from.display().to_string())? {
            let file = file.during(|| from.display().to_string())?;
            std::fs::copy(file.path(), to.join(file.file_name())).during(|| file.path().display().to_string())?;
        }
        Ok(Self { migrations, postgres: postgres()? })
    }

    /// The processes that the stories need.
    pub(super) fn setting(&self) -> Setting {
        let mut migrations = Worker::new("migration-runner");
        migrations.environment.push(("MIGRATIONS_PATH", self.migrations.path().display().to_string()));
        if let Some(postgres) = &self.postgres {
            migrations.environment.push(("DATABASE_URL", postgres.url()));
        }
        Setting {
            workers: vec![Worker::new("smoke-tester"), migrations],
            environment: Vec::new(),
            arguments: Vec::new(),
        }
    }
}

/// The installed PostgreSQL, which is installed where that is possible and permitted.
fn postgres() -> Result<Option<Postgres>, Failure> {
    match Postgres::start()? {
        Some(postgres) => Ok(Some(postgres)),
        None if crate::service::postgres::install()? => Postgres::start(),
        None => Ok(None),
    }
}

/// Tells them all.
pub(super) fn tell(root: &Path, stack: &mut Stack, scene: &Scene, options: &Options) -> Result<(), Failure> {
    if scene.postgres.is_none() {
        println!("! without the releases of orders: there is no PostgreSQL on this machine, and migrations need one");
    }
    let stage = Stage {
        control: stack.control(),
        migrations: scene.migrations.path().join("orders"),
        unsafe_migrations: root.join("infra/local/migrations/orders-unsafe"),
        database: scene.postgres.is_some(),
    };
    let mut stories: Vec<Story> = story::all().into_iter().filter(|story| stage.can_tell(story)).collect();
    let mut told = Vec::new();
    while let Some(act) = stories.iter().map(|story| story.act).min() {
        let (now, later): (Vec<Story>, _) = stories.into_iter().partition(|story| story.act == act);
        stories = later;
        println!();
        for story in &now {
            println!("{}{}", story.prefix(), story.premise);
        }
        println!();
        told.extend(follow::follow(stack, &stage, now, Duration::from_secs(options.limit()))?);
    }
    for Told { story, executions, .. } in &told {
        for (name, ending) in executions {
            println!("\n── {}: {name} ──", story.tag);
            println!("{}", stack.timeline(ending.arn())?.trim_end());
        }
    }
    summarise(&told)
}

fn summarise(told: &[Told]) -> Result<(), Failure> {
    println!("\n── summary ──");
    let mut broken = Vec::new();
    for Told { story, outcome, .. } in told {
        match outcome {
            Ok(now) => println!("✓ {}{now}", story.prefix()),
            Err(failure) => {
                println!("✗ {}{failure}", story.prefix());
                broken.push(story.tag);
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("did not end as told: {}", broken.join(", "))))
}
