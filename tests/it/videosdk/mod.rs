//! VideoSDK's dialect: what it answers, its tokens, its pages, its two tables of codes.

mod calls;
mod codes;
mod pages;
mod support;
mod tokens;
