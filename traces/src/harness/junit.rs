//! Verdicts as JUnit XML, which every test runner reads.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Status, Verdict};

/// The report of a run.
pub fn junit(verdicts: &[Verdict]) -> Result<String, String> {
    let mut suite = TestSuite::new("airlock verify");
    for verdict in verdicts {
        let mut status = match verdict.status {
            Status::Passed | Status::Rounded | Status::Blessed => TestCaseStatus::success(),
            Status::New | Status::NotComparable => TestCaseStatus::skipped(),
            Status::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Status::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        if verdict.status != Status::Passed {
            status.set_message(verdict.lines.first().map_or("", String::as_str));
            status.set_description(verdict.lines.join("\n"));
        }
        let mut case = TestCase::new(verdict.file.display().to_string(), status);
        case.set_time(verdict.time);
        suite.add_test_case(case);
    }
    let mut report = Report::new("airlock verify");
    report.add_test_suite(suite);
    report.to_string().map_err(|error| error.to_string())
}
