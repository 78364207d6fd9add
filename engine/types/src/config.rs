//! The configuration document, its validation and its schema.
