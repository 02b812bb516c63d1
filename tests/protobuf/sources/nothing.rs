// Cargo wants a target; what is wanted of it is the crate in Cargo.lock.
