//! The grammar of JSON, one byte at a time.
//!
//! It tells where a document ends, and whether what came so far can still become one. Two faults that leave no doubt
//! about what is meant are mended, since a stream cannot be asked for again: what Markdown escapes (`\_`, `\[`), and a
//! line end or tab that stands as itself in a string. Everything else keeps its bytes.

/// How deep a document may be nested: no deeper than the parser goes that reads it afterwards.
const MAX_DEPTH: usize = 127;

/// Reads one document whose root is an object or an array.
#[derive(Debug)]
pub(super) struct Syntax {
    /// What is open, outermost first.
    open: Vec<Container>,
    state: State,
    proven: bool,
}

/// What becomes of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to the document, as does a backslash that waits.
    Keep,
    /// This stands in its place.
    Instead(&'static str),
    /// A backslash: the next byte tells whether it belongs to the document.
    Wait,
    /// It belongs to the document; the backslash that waits does not.
    Unescaped,
    /// It is the last byte of the document.
    Last,
    /// No document goes on like this.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the root.
    Root,
    /// Before a value.
    Value,
    /// Before the first value of an array, or its end.
    First,
    /// Before a key.
    Key,
    /// Before the first key of an object, or its end.
    FirstKey,
    /// After a key.
    Colon,
    /// After a value.
    After,
    /// In a string.
    Text { key: bool },
    /// In a string, after a backslash.
    Escape { key: bool },
    /// In a string, in an escape with so many hexadecimal digits to come.
    Code { key: bool, left: u8 },
    /// In a number.
    Number(Number),
    /// In `true`, `false` or `null`, with this to come.
    Word(&'static [u8]),
}

/// Where in a number: what stands last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl Syntax {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            state: State::Root,
            proven: false,
        }
    }

    /// Whether this is hardly prose that happens to begin with a bracket: there is a value in the root.
    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// How many of these bytes are the plain inside of a string, where nothing can happen.
    pub(super) fn plain(&self, bytes: &[u8]) -> usize {
        if !matches!(self.state, State::Text { .. }) {
            return 0;
        }
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        bytes.iter().position(special).unwrap_or(bytes.len())
    }

    /// Takes the next byte. After [`Step::Last`] and [`Step::Broken`] there is none.
    pub(super) fn step(&mut self, byte: u8) -> Step {
        match self.state {
            State::Text { key } => self.text(byte, key),
            State::Escape { key } => self.escape(byte, key),
            State::Code { key, left } => self.code(byte, key, left),
            State::Number(number) => self.number(byte, number),
            State::Word(rest) => self.word(byte, rest),
            _ => self.between(byte),
        }
    }

    /// A byte between the texts, numbers and words.
    fn between(&mut self, byte: u8) -> Step {
        match (self.state, byte) {
            (State::Root, b'{') => self.begin(Container::Object),
            (State::Root, b'[') => self.begin(Container::Array),
            (State::Root, _) => Step::Broken,
            (_, b' ' | b'\t' | b'\n' | b'\r') => Step::Keep,
            // None has a place out here but as Markdown's escape of a bracket.
            (_, b'\\') => Step::Instead(""),
            (State::First, b']') | (State::FirstKey, b'}') => self.end(),
            (State::Value | State::First, _) => self.value(byte),
            (State::Key | State::FirstKey, b'"') => self.enter(State::Text { key: true }),
            (State::Colon, b':') => self.enter(State::Value),
            (State::After, _) => self.after(byte),
            _ => Step::Broken,
        }
    }

    fn enter(&mut self, state: State) -> Step {
        self.state = state;
        Step::Keep
    }

    fn begin(&mut self, container: Container) -> Step {
        if self.open.len() == MAX_DEPTH {
            return Step::Broken;
        }
        self.open.push(container);
        self.enter(match container {
            Container::Object => State::FirstKey,
            Container::Array => State::First,
        })
    }

    fn end(&mut self) -> Step {
        self.open.pop();
        self.state = State::After;
        if self.open.is_empty() { Step::Last } else { Step::Keep }
    }

    fn value(&mut self, byte: u8) -> Step {
        let number = |number| State::Number(number);
        // Whether numbers and words are values is told by what follows them.
        self.proven |= matches!(byte, b'"' | b'{' | b'[');
        match byte {
            b'"' => self.enter(State::Text { key: false }),
            b'{' => self.begin(Container::Object),
            b'[' => self.begin(Container::Array),
            b'-' => self.enter(number(Number::Minus)),
            b'0' => self.enter(number(Number::Zero)),
            b'1'..=b'9' => self.enter(number(Number::Whole)),
            b't' => self.enter(State::Word(b"rue")),
            b'f' => self.enter(State::Word(b"alse")),
            b'n' => self.enter(State::Word(b"ull")),
            _ => Step::Broken,
        }
    }

    fn after(&mut self, byte: u8) -> Step {
        let step = match (self.open.last(), byte) {
            (Some(Container::Object), b',') => self.enter(State::Key),
            (Some(Container::Array), b',') => self.enter(State::Value),
            (Some(Container::Object), b'}') | (Some(Container::Array), b']') => self.end(),
            _ => return Step::Broken,
        };
        self.proven = true;
        step
    }

    fn text(&mut self, byte: u8, key: bool) -> Step {
        match byte {
            b'"' if key => self.enter(State::Colon),
            b'"' => self.enter(State::After),
            b'\\' => {
                self.state = State::Escape { key };
                Step::Wait
            }
            b'\n' => Step::Instead("\\n"),
            b'\r' => Step::Instead("\\r"),
            b'\t' => Step::Instead("\\t"),
            0..=0x1f => Step::Broken,
            _ => Step::Keep,
        }
    }

    fn escape(&mut self, byte: u8, key: bool) -> Step {
        self.state = State::Text { key };
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Step::Keep,
            b'u' => self.enter(State::Code { key, left: 4 }),
            // Before a letter it may be that of a path, as in `C:\Users`, or of a regular expression: no one knows.
            _ if byte.is_ascii_punctuation() => Step::Unescaped,
            _ => Step::Broken,
        }
    }

    fn code(&mut self, byte: u8, key: bool, left: u8) -> Step {
        if !byte.is_ascii_hexdigit() {
            return Step::Broken;
        }
        self.enter(match left {
            1 => State::Text { key },
            _ => State::Code { key, left: left - 1 },
        })
    }

    fn number(&mut self, byte: u8, number: Number) -> Step {
        let next = match (number, byte) {
            (Number::Minus, b'0') => Number::Zero,
            (Number::Minus, b'1'..=b'9') | (Number::Whole, b'0'..=b'9') => Number::Whole,
            (Number::Zero | Number::Whole, b'.') => Number::Point,
            (Number::Point | Number::Fraction, b'0'..=b'9') => Number::Fraction,
            (Number::Zero | Number::Whole | Number::Fraction, b'e' | b'E') => Number::Exponent,
            (Number::Exponent, b'+' | b'-') => Number::Sign,
            (Number::Exponent | Number::Sign | Number::Power, b'0'..=b'9') => Number::Power,
            (Number::Zero | Number::Whole | Number::Fraction | Number::Power, _) => {
                self.state = State::After;
                return self.between(byte);
            }
            _ => return Step::Broken,
        };
        self.enter(State::Number(next))
    }

    fn word(&mut self, byte: u8, rest: &'static [u8]) -> Step {
        match rest {
            [last] if *last == byte => self.enter(State::After),
            [next, rest @ ..] if *next == byte => self.enter(State::Word(rest)),
            _ => Step::Broken,
        }
    }
}
