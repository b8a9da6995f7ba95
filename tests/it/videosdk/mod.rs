//! VideoSDK's dialect: what it answers, its tokens, its pages, its two tables of codes.

pub(crate) mod any_request;
mod calls;
mod codes;
mod crowds;
mod edges;
mod limits;
mod modes;
mod pages;
mod races;
pub(crate) mod support;
mod tokens;
