//! Findings, and how they are shown: a line each as they come, or one JSON document at the end.

use serde::Serialize;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it should be.
    Ok,
    /// Works, and a person may want to know or change it.
    Advice,
    /// Stands in the way of something that is configured.
    Problem,
}

/// What was looked at, what was found, what to do.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    grade: Grade,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<String>,
}

/// All findings of one run.
pub(super) struct Report {
    as_json: bool,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(as_json: bool) -> Self {
        Self { as_json, findings: Vec::new() }
    }

    pub(super) fn ok(&mut self, check: &'static str, found: &str) {
        self.add(Finding { check, grade: Grade::Ok, found: found.to_owned(), what_to_do: None });
    }

    pub(super) fn advice(&mut self, check: &'static str, found: &str, what_to_do: &str) {
        self.add(Finding {
            check,
            grade: Grade::Advice,
            found: found.to_owned(),
            what_to_do: Some(what_to_do.to_owned()),
        });
    }

    pub(super) fn problem(&mut self, check: &'static str, found: &str, what_to_do: &str) {
        self.add(Finding {
            check,
            grade: Grade::Problem,
            found: found.to_owned(),
            what_to_do: Some(what_to_do.to_owned()),
        });
    }

    fn add(&mut self, finding: Finding) {
        if !self.as_json {
            let mark = match finding.grade {
                Grade::Ok => "ok      ",
                Grade::Advice => "advice  ",
                Grade::Problem => "PROBLEM ",
            };
            println!("{mark}{:<14}{}", finding.check, finding.found);
            if let Some(what_to_do) = &finding.what_to_do {
                println!("{:>22}-> {what_to_do}", "");
            }
        }
        self.findings.push(finding);
    }

    /// Shows what is still to be shown; how many problems there are.
    pub(super) fn end(self) -> usize {
        let count = |grade| self.findings.iter().filter(|finding| finding.grade == grade).count();
        let problems = count(Grade::Problem);
        if self.as_json {
            let document = serde_json::json!({ "problems": problems, "findings": self.findings });
            println!("{document:#}");
        } else {
            let advice = count(Grade::Advice);
            println!("\n{} checks, {problems} problems, {advice} pieces of advice", self.findings.len());
        }
        problems
    }
}
