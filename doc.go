// Package mydocker is empty: what is here are the tests of the rules that the
// packages below keep among each other. ARCHITECTURE.md is the way in.
package mydocker
