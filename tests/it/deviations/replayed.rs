//! Deviations that the replays of `tests/backstage` accept, and that only they show.

use super::{Deviation, deviation};

/// By the kind of input.
pub(super) const REPLAYED: &[Deviation] = &[
    deviation(
        "A pattern that begins with `!` matches everything but what it names.",
        "It is refused; `!(…)` is a group as everywhere.",
        "a_pattern_leads_to_the_files_of_a_repository_that_backstage_reads",
    )
    .accepted_as(&["Everything but what is named is refused, which nobody can mean who names files; !(…) is a group."]),
    deviation(
        "A slash at the end of a target says nothing, and of a ref alone the root is asked for.",
        "Both are folders, and a folder is no target.",
        "a_folder_is_no_target",
    )
    .accepted_as(&[
        "What ends with a slash is a folder; to Backstage the slash says nothing.",
        "What ends with a slash is a folder, and a ref alone is one too; Backstage asks for it and cannot read it.",
    ]),
    deviation(
        "A path with a step `-` is taken for one of GitLab and cannot be read.",
        "It is a folder like any other.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["A step `-` is how GitLab writes its URLs, so that Backstage does not understand it."]),
    deviation(
        "Whether a target is a pattern is asked of one package and what it matches of another, which do not agree about `[]a]`.",
        "One reader decides both.",
        "a_pattern_leads_to_the_files_of_a_repository_that_backstage_reads",
    )
    .accepted_as(&["A pattern is what has the syntax of one; Backstage asks another package, which does not see it here."]),
    deviation(
        "If a pattern matches a folder as well, none of the files it matches is read.",
        "Only files are matched.",
        "a_pattern_leads_to_the_files_of_a_folder_that_backstage_reads",
    )
    .accepted_as(&["A folder that the pattern matches as well makes Backstage read none; here only files are matched."]),
    deviation(
        "The root of a repository is missed by a target from the root if the base has encoded characters.",
        "It is found whatever is encoded.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["The root of a repository is found whatever is encoded in the path; Backstage counts decoded characters."]),
    deviation(
        "A target that begins with a slash is written behind the file where a plain URL is the base.",
        "It begins at the root of the host, as everywhere on the web.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["A slash in front is the root of the host of a plain URL, as everywhere on the web; Backstage writes it behind the file."]),
    deviation(
        "In a URL with `raw`, a later step `tree` or `blob` is taken for the page.",
        "The page is the step behind the repository.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["A page is known by its place; to Backstage a later step `tree` or `blob` is the page of a URL with `raw`."]),
    deviation(
        "A URL with a percent sign that escapes nothing cannot be read.",
        "The sign is itself.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["A percent sign that escapes nothing is itself; Backstage cannot read such a URL."]),
    deviation(
        "A URL of GitHub with two slashes in a row cannot be read.",
        "They are one, as to GitHub.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["Two slashes in a row are one to GitHub as well."]),
    deviation(
        "A query or fragment of a target from the root becomes part of its path.",
        "It is no part of a path.",
        "a_query_is_no_wildcard",
    )
    .accepted_as(&["What is behind a query or a fragment is no part of a path, also of one from the root."]),
    deviation(
        "A ref that looks like a pattern leaves the path a name.",
        "The path is a pattern that matches the same file.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["No ref is a pattern, but what looks like one makes one of the path here; it matches the same file."]),
    deviation(
        "A repository that is named with `.git` cannot be read.",
        "It is the same repository, as to GitHub.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["GitHub knows a repository with `.git` as well."]),
    deviation(
        "A URL that nothing reads is an error of its target at once.",
        "It is one when it is to be read.",
        "a_target_means_what_it_means_to_backstage",
    )
    .accepted_as(&["No integration reads such a URL, and no reader of plain URLs either."]),
    deviation(
        "What a placeholder names may hold encoded dots and slashes, line breaks and a user.",
        "It is refused, since two readers could take it for two things.",
        "a_placeholder_becomes_what_it_becomes_in_backstage",
    )
    .accepted_as(&["What could mean two things to two readers is refused: an encoded dot or slash, a line break, a user."]),
    deviation(
        "The path of a placeholder is decoded twice, so that files with `#`, `?` or `%` in their names cannot be written.",
        "It is decoded once.",
        "a_placeholder_becomes_what_it_becomes_in_backstage",
    )
    .accepted_as(&["A path is decoded once; Backstage decodes it twice, so that `#`, `?` and `%` in names cannot be written."]),
    deviation(
        "A text that closes no quote takes the documents behind it with it.",
        "It ends at the next `---`.",
        "a_catalog_file_says_what_it_says_to_backstage",
    )
    .accepted_as(&["A text that closes no quote ends at the next `---`, so that the documents behind it are not lost."]),
    deviation(
        "Of files that declare an entity at once the one that is read first holds it, which is chance.",
        "The first by its path holds it.",
        "a_ref_that_several_declare_has_the_holder_it_has_in_backstage",
    )
    .accepted_as(&["Of files that declare a ref at once the first by its path holds it; in Backstage it is the one that is read first."]),
    deviation(
        "That documents of a file change places is not noticed, although the last of an entity counts.",
        "The last counts at once.",
        "a_ref_that_several_declare_has_the_holder_it_has_in_backstage",
    )
    .accepted_as(&["Of two documents of a file the last counts; Backstage does not notice that they change places."]),
    deviation(
        "An entity with several values for the key that is ordered by comes once for each, and is counted once.",
        "It comes once, at the first of them.",
        "a_question_is_answered_as_by_backstage",
    )
    .accepted_as(&["An entity with several values for what is ordered by comes once, at the first of them."]),
    deviation(
        "In a text that is searched for, `%` and `_` stand for any text and any character.",
        "They are themselves.",
        "a_question_is_answered_as_by_backstage",
    )
    .accepted_as(&["`%` and `_` in a searched text are themselves; to Backstage they are wildcards, and a backslash hides them."]),
    deviation(
        "A page may be as large as anybody asks for.",
        "One that is too large to be meant is refused.",
        "a_question_is_answered_as_by_backstage",
    )
    .accepted_as(&["A page that is too large to be meant is refused."]),
    deviation(
        "A page with a negative limit or offset is an error of the server.",
        "It is a mistake of the caller.",
        "a_question_is_answered_as_by_backstage",
    )
    .accepted_as(&[
        "A negative page is the caller's mistake; to Backstage it is its own.",
        "A limit that is no whole number is refused; Backstage cuts it.",
    ]),
    deviation(
        "An order without a direction is refused where it is posted, and makes pages whose cursors are refused where it is not; one without a key leaves nothing.",
        "The first ascends, the second is refused.",
        "a_question_is_answered_as_by_backstage",
    )
    .accepted_as(&[
        "An order without a direction ascends, also where it is posted.",
        "An order without a key is refused; to Backstage it leaves nothing.",
    ]),
    deviation(
        "A member of a body that is `null` is refused.",
        "It is as if it were left out.",
        "a_question_is_answered_as_by_backstage",
    )
    .accepted_as(&["What is `null` in a body is left out; Backstage refuses it."]),
];
