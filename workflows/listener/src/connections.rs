//! Room for connections: how many are open, and which one goes when another needs its place.
//!
//! A connection is *waiting* from its first byte on until a whole request has come, and again when that is answered:
//! idle, in a handshake, or in the middle of a head or a body. While its request is being answered it is *busy*. Where
//! there is no room, the connection that has been waiting for longest is closed. So whoever opens thousands of
//! connections, or dribbles bytes into them, only ever displaces others of that kind; a busy one is never closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All connections of one listener.
#[derive(Debug)]
pub(crate) struct Connections {
    state: Mutex<State>,
    /// Somebody left, or began to wait: there may be room now, or somebody who can make it.
    changed: Notify,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    /// Those of `open` that have been told to go.
    leaving: usize,
    next: u64,
    /// By the turn in which they began to wait.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// One connection's place. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Seat {
    connections: Arc<Connections>,
    told: Arc<Notify>,
    turn: Mutex<Option<u64>>,
}

impl Connections {
    /// Room for `most`; at least for one.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Notify::new(), most: most.max(1) })
    }

    /// A place, as soon as there is one. Cancel safe.
    pub(crate) async fn seat(self: &Arc<Self>) -> Seat {
        loop {
            let changed = self.changed.notified();
            if let Some(seat) = self.try_seat() {
                return seat;
            }
            changed.await;
        }
    }

    /// A place where there is room; where there is none, somebody is told to make it.
    fn try_seat(self: &Arc<Self>) -> Option<Seat> {
        let mut state = self.state();
        if state.open < self.most {
            state.open += 1;
            let told = Arc::new(Notify::new());
            let turn = state.wait(&told);
            return Some(Seat { connections: Arc::clone(self), told, turn: Mutex::new(Some(turn)) });
        }
        if state.open - state.leaving >= self.most {
            state.evict();
        }
        None
    }

    /// Tells the connection that has been waiting for longest to go, as when the system has no more of something;
    /// `false` where none is waiting.
    pub(crate) fn evict(&self) -> bool {
        self.state().evict()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, told: &Arc<Notify>) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, Arc::clone(told));
        self.next
    }

    fn evict(&mut self) -> bool {
        let Some((_, told)) = self.waiting.pop_first() else { return false };
        self.leaving += 1;
        told.notify_one();
        true
    }
}

impl Seat {
    /// A whole request is there.
    pub(crate) fn busy(&self) {
        let mut state = self.connections.state();
        let mut turn = self.turn();
        if turn.is_some_and(|turn| state.waiting.remove(&turn).is_some()) {
            *turn = None;
        }
    }

    /// A request is answered, or has just begun to come: the connection goes to the end of those that wait.
    pub(crate) fn waiting(&self) {
        let mut state = self.connections.state();
        let mut turn = self.turn();
        match *turn {
            // Told to go already.
            Some(old) if state.waiting.remove(&old).is_none() => return,
            _ => *turn = Some(state.wait(&self.told)),
        }
        drop((turn, state));
        self.connections.changed.notify_waiters();
    }

    /// Returns when the connection has to go. Cancel safe.
    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        let turn = *self.turn();
        if let Some(turn) = turn
            && state.waiting.remove(&turn).is_none()
        {
            state.leaving -= 1;
        }
        state.open -= 1;
        drop(state);
        self.connections.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What a future has to say when it is asked once.
    fn now<F: Future>(future: F) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_longest_waiting_makes_room_and_only_that_one() {
        let connections = Connections::new(2);
        let (first, second) = (now(connections.seat()).unwrap(), now(connections.seat()).unwrap());
        let mut third = pin!(connections.seat());
        assert!(now(third.as_mut()).is_none());
        assert!(now(first.told()).is_some() && now(second.told()).is_none());
        assert!(now(third.as_mut()).is_none(), "asked again, nobody else has to go");
        assert!(now(second.told()).is_none());
        drop(first);
        assert!(now(third.as_mut()).is_some());
    }

    #[test]
    fn who_is_being_answered_stays() {
        let connections = Connections::new(2);
        let (first, second) = (now(connections.seat()).unwrap(), now(connections.seat()).unwrap());
        first.busy();
        let mut third = pin!(connections.seat());
        assert!(now(third.as_mut()).is_none());
        assert!(now(first.told()).is_none() && now(second.told()).is_some());
        drop(second);
        let third = now(third.as_mut()).unwrap();
        third.busy();
        let mut fourth = pin!(connections.seat());
        assert!(now(fourth.as_mut()).is_none());
        assert!(now(first.told()).is_none() && now(third.told()).is_none());
        first.waiting();
        assert!(now(fourth.as_mut()).is_none());
        assert!(now(first.told()).is_some(), "it waits again, and somebody waits for its place");
    }

    #[test]
    fn a_request_that_begins_puts_its_connection_last() {
        let connections = Connections::new(2);
        let (first, second) = (now(connections.seat()).unwrap(), now(connections.seat()).unwrap());
        first.waiting();
        assert!(now(connections.seat()).is_none());
        assert!(now(second.told()).is_some() && now(first.told()).is_none());
    }

    #[test]
    fn what_one_does_after_it_was_told_to_go_changes_nothing() {
        let connections = Connections::new(1);
        let first = now(connections.seat()).unwrap();
        assert!(connections.evict() && !connections.evict());
        first.busy();
        first.waiting();
        assert!(!connections.evict());
        drop(first);
        assert!(now(connections.seat()).is_some());
        let state = connections.state();
        assert_eq!((state.open, state.leaving), (0, 0));
    }
}
