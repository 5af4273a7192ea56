/* SPDX-License-Identifier: MIT
 *
 * no_table.c - a shared object that is no plugin: it exports something else.
 */
__attribute__((visibility("default"))) const int not_a_plugin = 1;
