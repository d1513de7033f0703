//! The database's login that a program signs in as, by its parameters, and the secret that its role may read.

use std::fs;

use anyhow::{Context as _, Result};

use super::{Findings, Tree};

const TEMPLATE: &str = "template.yaml";

/// The parameters by which a program says who it is to the database, with the policy of that login's secret; the one that
/// may most first.
const LOGINS: [(&str, &str); 4] = [
    ("OwnerDb", "OwnerLoginPolicy"),
    ("JobsDb", "JobsLoginPolicy"),
    ("AccountsDb", "AccountsLoginPolicy"),
    ("Db", "RequestsLoginPolicy"),
];

pub(super) fn check(tree: &Tree, found: &mut Findings) -> Result<()> {
    for (function, binary) in tree.pairs() {
        let text = fs::read_to_string(tree.root.join(&binary.file))
            .with_context(|| format!("cannot read {}", binary.file.display()))?;
        let resource = &tree.template.resources[&function.logical_id];
        let role = resource["Properties"]["Role"].as_str().unwrap_or_default();
        let role = role.rsplit([':', '/']).next().unwrap_or_default();
        let rights = tree.template.resources.get(role).map(ToString::to_string).unwrap_or_default();
        let may_read = |policy: &str| rights.contains(&format!("\"local-{policy}\""));
        // A worker of jobs takes its database with each job.
        let is_worker = names(&text, "worker");
        let is_named = |parameter: &str| names(&text, parameter) || is_worker && parameter == "JobsDb";
        let named = LOGINS.iter().find(|(parameter, _)| is_named(parameter));
        // Whoever owns the tables gives the others their passwords.
        if matches!(named, Some(("OwnerDb", _))) {
            continue;
        }
        if let Some((parameter, policy)) = named
            && !rights.is_empty()
            && !may_read(policy)
        {
            let message = format!(
                "{} has Role {role}, which lacks {policy}: its {parameter} cannot sign in",
                function.logical_id
            );
            found.add(TEMPLATE, message);
        }
        // A route that asks only who calls signs in as any other.
        let (_, own) = named.unwrap_or(&LOGINS[3]);
        for (parameter, policy) in LOGINS.iter().filter(|(_, policy)| policy != own && may_read(policy)) {
            let message = format!(
                "{} has Role {role} with {policy}, and no {parameter} in {}: give it a role without",
                function.logical_id,
                binary.file.display()
            );
            found.add(TEMPLATE, message);
        }
    }
    Ok(())
}

/// Whether a word stands in the text as itself.
fn names(text: &str, word: &str) -> bool {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .any(|own| own == word)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;

    fn of(parameter: &str, policies: &str) -> Vec<String> {
        let project = Project::in_order();
        let role = "arn:aws:iam::1:role/x";
        project.edit("template.yaml", role, "!GetAtt RouteRole.Arn");
        let text = project.read("template.yaml");
        let roles = ["RequestsLoginPolicy", "AccountsLoginPolicy", "JobsLoginPolicy"]
            .map(|policy| format!("  {policy}:\n    Type: AWS::IAM::ManagedPolicy\n"));
        let role = format!(
            "  RouteRole:\n    Type: AWS::IAM::Role\n    Properties: {{ManagedPolicyArns: [{policies}]}}\n"
        );
        project.write("template.yaml", &(text + &roles.concat() + &role));
        let file = "functions/practice/src/bin/create-scene.rs";
        let source = project.read(file);
        project.write(file, &format!("{source}\nasync fn handle(db: {parameter}, user: User) {{}}"));
        project.mismatches()
    }

    #[test]
    fn a_program_reads_the_secret_of_its_own_login_and_no_other() {
        assert_eq!(of("Db", "!Ref RequestsLoginPolicy"), Vec::<String>::new());
        assert_eq!(of("AccountsDb", "!Ref AccountsLoginPolicy"), Vec::<String>::new());
        assert_eq!(
            of("AccountsDb", "!Ref RequestsLoginPolicy"),
            [
                "template.yaml: CreateScene has Role RouteRole with RequestsLoginPolicy, and no Db in \
                 functions/practice/src/bin/create-scene.rs: give it a role without",
                "template.yaml: CreateScene has Role RouteRole, which lacks AccountsLoginPolicy: its AccountsDb cannot sign in",
            ]
        );
        assert_eq!(
            of("Db", "!Ref RequestsLoginPolicy, !Ref JobsLoginPolicy"),
            ["template.yaml: CreateScene has Role RouteRole with JobsLoginPolicy, and no JobsDb in \
              functions/practice/src/bin/create-scene.rs: give it a role without"]
        );
        assert_eq!(of("OwnerDb", "!Ref RequestsLoginPolicy, !Ref JobsLoginPolicy"), Vec::<String>::new());
    }
}
