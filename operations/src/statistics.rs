//! Statistics that judgements and analyses share: robust, free of scale, and honest about points that depend on each
//! other.

pub(crate) mod binomial;
pub(crate) mod dependence;
pub(crate) mod normal;
pub(crate) mod rank;
pub(crate) mod shift;
pub(crate) mod step;
pub(crate) mod trend;
