/**
 * The query language: one line to type, which becomes a query. SELECT first, if it is there; the other clauses in any
 * order, each at most once. docs/query-language.md is the page for people.
 */

import { columnName, groupName } from "../column-name.ts";
import {
  aggregates,
  badQuery,
  bucketGroup,
  emptyQuery,
  fieldGroup,
  makeColumn,
  makeLimit,
  makePointSize,
  makeQuery,
  partGroup,
  timeParts,
} from "../normal-form.ts";
import { checkCollection, parseRequestObject } from "../object/object.ts";
import type { Column, GroupBy, OrderBy, Query } from "../query.ts";
import { checkTime, checkTimezone } from "../time.ts";
import { placed } from "./lexer.ts";
import { parseConditions } from "./parse-filter.ts";
import { Reader } from "./reader.ts";

type Draft = { -readonly [Key in keyof Query]: Query[Key] };

/** A query from its text. Throws `bad_query`: the message names line and column, and what was expected. */
export function parseQuery(text: string): Query {
  return new QueryParser(text).parse();
}

/** A query from the body of a request: the query object, or `{"q":"SELECT …"}`. Throws `bad_query`. */
export function parseQueryRequest(value: unknown): Query {
  return parseRequestObject(value, parseQuery);
}

interface Selected {
  readonly columns: readonly Column[];
  /** Groups that are named beside the aggregates, as SQL wants it: they come anyway. */
  readonly groups: readonly { readonly name: string; readonly start: number }[];
}

class QueryParser {
  readonly #reader: Reader;
  readonly #draft: Draft = { ...emptyQuery };
  readonly #seen = new Set<string>();
  #selected: Selected = { columns: [], groups: [] };
  #orderStart = 0;

  constructor(text: string) {
    this.#reader = new Reader(text);
  }

  parse(): Query {
    const reader = this.#reader;
    if (reader.keyword("SELECT")) this.#selected = this.#select();
    while (reader.peek().kind !== "end" && !reader.isSymbol(";")) this.#clause();
    reader.symbol(";");
    if (reader.peek().kind !== "end") throw reader.expected("the end");
    const { columns, groups } = this.#selected;
    const known = this.#draft.groupBy.map(groupName);
    for (const { name, start } of groups) {
      this.#at(start, () => {
        if (known.includes(name)) return;
        throw badQuery(`${name} is no aggregate: group by it as well, or leave SELECT out to get the events`);
      });
    }
    const query = { ...this.#draft, columns };
    this.#at(0, () => makeQuery({ ...query, orderBy: [] }));
    return this.#at(this.#orderStart, () => makeQuery(query));
  }

  #clause(): void {
    const reader = this.#reader;
    const draft = this.#draft;
    if (this.#begins("FROM")) draft.collection = this.#collection();
    else if (this.#begins("WHERE")) draft.filters = parseConditions(reader);
    else if (this.#begins("GROUP", "BY")) draft.groupBy = this.#list(() => this.#group());
    else if (this.#begins("ORDER", "BY")) {
      this.#orderStart = reader.peek().start;
      draft.orderBy = this.#list(() => this.#order());
    } else if (this.#begins("DESCENDING")) draft.descending = true;
    else if (this.#begins("LIMIT")) draft.limit = this.#limit();
    else if (this.#begins("OTHERS")) draft.others = true;
    else if (this.#begins("POINT", "SIZE")) draft.pointSize = this.#pointSize();
    else if (this.#begins("SINCE")) draft.timeRange = { ...draft.timeRange, start: this.#time() };
    else if (this.#begins("UNTIL")) draft.timeRange = { ...draft.timeRange, end: this.#time() };
    else if (this.#begins("TIMEZONE")) draft.timezone = this.#timezone();
    else if (this.#begins("SOURCES")) draft.sources = true;
    else {
      const first = reader.isAtStart() ? "SELECT, " : "";
      throw reader.expected(
        `${first}WHERE, GROUP BY, ORDER BY, DESCENDING, LIMIT, OTHERS, POINT SIZE, SINCE, UNTIL, TIMEZONE, FROM, SOURCES or the end`,
      );
    }
  }

  #begins(...words: readonly string[]): boolean {
    const { start } = this.#reader.peek();
    if (!this.#reader.keyword(...words)) return false;
    const name = words.join(" ");
    this.#at(start, () => {
      if (this.#seen.has(name)) throw badQuery(`a second ${name}; one is enough`);
    });
    this.#seen.add(name);
    return true;
  }

  /** Does work whose errors are about a place in the text. */
  #at<T>(start: number, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw placed(this.#reader.source, start, error);
    }
  }

  #list<T>(item: () => T): readonly T[] {
    const items = [item()];
    while (this.#reader.symbol(",")) items.push(item());
    return items;
  }

  #select(): Selected {
    const reader = this.#reader;
    if (reader.symbol("*")) return { columns: [], groups: [] };
    const columns: Column[] = [];
    const groups: { name: string; start: number }[] = [];
    do {
      const { start } = reader.peek();
      if (this.#isAggregate()) columns.push(reader.here(() => this.#column()));
      else groups.push({ name: groupName(this.#group()), start });
    } while (reader.symbol(","));
    return { columns, groups };
  }

  /** A call of anything but the functions of groups is one of an aggregate, known or not. */
  #isAggregate(): boolean {
    const reader = this.#reader;
    const { kind, text } = reader.peek();
    if (kind !== "word") throw reader.expected("an aggregate, such as count or sum(bytes)");
    const name = text.toLowerCase();
    if (!reader.isSymbol("(", 1)) return aggregates.some((known) => known === name);
    return name !== "field" && name !== "bucket" && !timeParts.some((part) => part === name);
  }

  /** `count`, `sum(bytes)`, `count IF (status >= 500) AS errors`. */
  #column(): Column {
    const reader = this.#reader;
    const call = this.#call();
    let filters: Column["filters"];
    if (reader.keyword("IF")) {
      reader.expectSymbol("(");
      filters = parseConditions(reader);
      reader.expectSymbol(")");
    }
    const as = reader.keyword("AS") ? this.#name("a name for the column") : undefined;
    return makeColumn({ ...call, filters, as });
  }

  #call(): { readonly aggregate: string; readonly field?: string } {
    const reader = this.#reader;
    let aggregate = reader.next().text.toLowerCase();
    if (!aggregates.some((known) => known === aggregate)) makeColumn({ aggregate });
    if (!reader.symbol("(")) return { aggregate };
    if (aggregate === "count" && reader.isKeyword("DISTINCT") && !reader.isSymbol(")", 1)) {
      reader.next();
      aggregate = "count_distinct";
    }
    if ((aggregate === "count" || aggregate === "rate") && (reader.symbol("*") || reader.isSymbol(")"))) {
      reader.expectSymbol(")");
      return { aggregate };
    }
    const field = reader.field();
    reader.expectSymbol(")");
    return { aggregate, field };
  }

  #group(): GroupBy {
    const reader = this.#reader;
    return reader.here(() => {
      const { kind, text } = reader.peek();
      const name = text.toLowerCase();
      const isCall = kind === "word" && reader.isSymbol("(", 1) && name !== "field";
      if (!isCall) return fieldGroup(reader.field());
      reader.next();
      reader.next();
      if (name !== "bucket") {
        const group = partGroup(name, reader.field());
        reader.expectSymbol(")");
        return group;
      }
      const field = reader.field();
      reader.expectSymbol(",");
      if (reader.peek().kind !== "number") throw reader.expected("the width of the buckets: a number");
      const width = Number(reader.next().text);
      reader.expectSymbol(")");
      return bucketGroup(field, width);
    });
  }

  /** A column or a group by its name: as it is selected, or in quotes. */
  #order(): OrderBy {
    const reader = this.#reader;
    const name = this.#orderName();
    const descending = reader.keyword("DESC");
    if (!descending) reader.keyword("ASC");
    return { name, descending };
  }

  #orderName(): string {
    const reader = this.#reader;
    const { kind, text } = reader.peek();
    if (kind === "text") return reader.next().text;
    if (kind !== "word") throw reader.expected("the name of a column or a group");
    const isCall = reader.isSymbol("(", 1) && text.toLowerCase() !== "field";
    if (!isCall) return reader.field();
    return reader.here(() => {
      if (!this.#isAggregate()) return groupName(this.#group());
      return columnName(makeColumn(this.#call()));
    });
  }

  #collection(): string {
    return this.#reader.here(() => checkCollection(this.#name("a collection's name")));
  }

  #limit(): number {
    const reader = this.#reader;
    if (reader.peek().kind !== "number") throw reader.expected("an integer");
    return reader.here(() => makeLimit(Number(reader.next().text)));
  }

  #pointSize(): Query["pointSize"] & object {
    const reader = this.#reader;
    const { kind } = reader.peek();
    if (kind !== "time" && kind !== "text") throw reader.expected("a point size: 15s, 1m, 1h, 1d, 1w or 1mo");
    return reader.here(() => makePointSize(reader.next().text));
  }

  #time(): string {
    const reader = this.#reader;
    const { kind } = reader.peek();
    if (reader.keyword("NOW")) return "now";
    if (kind !== "time" && kind !== "text")
      throw reader.expected("a time: a date, RFC 3339, now, or an age such as 7d");
    return reader.here(() => checkTime(reader.next().text));
  }

  #timezone(): string {
    return this.#reader.here(() => checkTimezone(this.#name('a time zone in quotes: "Europe/Berlin"')));
  }

  #name(what: string): string {
    const { kind } = this.#reader.peek();
    if (kind !== "word" && kind !== "text") throw this.#reader.expected(what);
    return this.#reader.next().text;
  }
}
