//! The neutral form that translations between dialects pass through.
