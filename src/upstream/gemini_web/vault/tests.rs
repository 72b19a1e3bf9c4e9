use super::*;

fn credentials(psid: &str, psidts: &str) -> Credentials {
    Credentials {
        psid: psid.to_owned().into(),
        psidts: Some(psidts.to_owned().into()),
    }
}

fn order(vault: &Vault) -> Vec<(String, Origin)> {
    let value = |c: &Candidate| c.credentials.psidts.as_ref().unwrap().expose_secret().to_owned();
    vault
        .candidates()
        .iter()
        .map(|candidate| (value(candidate), candidate.origin))
        .collect()
}

fn open(dir: &tempfile::TempDir, credentials: Credentials) -> Vault {
    Vault::open(Arc::new(StateDir::open(Some(dir.path()))), Some(&credentials)).unwrap()
}

async fn rotate(vault: &Vault, value: &str) {
    vault.renew(&SecretString::from(value.to_owned()), Vec::new()).await;
}

#[tokio::test]
async fn after_a_restart_the_rotated_value_beats_the_stale_one_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(&dir, credentials("id", "env"));
    vault.signed_in_with(&vault.candidates()[0], None).await;
    rotate(&vault, "second").await;
    rotate(&vault, "third").await;
    let again = open(&dir, credentials("id", "env"));
    let expected = [
        ("third", Origin::Saved),
        ("second", Origin::Previous),
        ("env", Origin::Configured),
    ];
    assert_eq!(
        order(&again),
        expected.map(|(value, origin)| (value.to_owned(), origin))
    );
    assert!(again.since_asked().is_some());
}

#[tokio::test]
async fn an_earlier_value_of_the_chain_in_the_environment_is_known_to_be_old() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(&dir, credentials("id", "env"));
    rotate(&vault, "second").await;
    rotate(&vault, "third").await;
    assert_eq!(order(&open(&dir, credentials("id", "second")))[0].0, "third");
}

#[tokio::test]
async fn new_cookies_of_the_owner_come_first_and_another_login_drops_the_file() {
    let dir = tempfile::tempdir().unwrap();
    rotate(&open(&dir, credentials("id", "env")), "second").await;
    assert_eq!(
        order(&open(&dir, credentials("id", "pasted")))[0],
        ("pasted".to_owned(), Origin::Configured)
    );
    assert_eq!(
        order(&open(&dir, credentials("other", "env"))),
        [("env".to_owned(), Origin::Configured)]
    );
}

#[tokio::test]
async fn a_damaged_file_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), b"{\"account\":").unwrap();
    assert_eq!(order(&open(&dir, credentials("id", "env"))).len(), 1);
}

#[tokio::test]
async fn the_identity_is_not_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    rotate(&open(&dir, credentials("g.a000-identity", "env")), "second").await;
    let file = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
    assert!(!file.contains("g.a000-identity") && file.contains("second"));
}

/// Enters a log-in in place of what is configured, as after a trial that went well.
async fn enter(dir: &tempfile::TempDir, entered: Credentials, configured: Option<&Credentials>) -> Vault {
    let state = Arc::new(StateDir::open(Some(dir.path())));
    let vault = Vault::for_trial(state, entered);
    vault.signed_in_with(&vault.candidates()[0], None).await;
    rotate(&vault, "entered-2").await;
    assert!(vault.promote(configured).await);
    vault
}

#[tokio::test]
async fn what_was_entered_goes_before_the_older_configuration_and_a_newer_one_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let configured = credentials("id", "env");
    rotate(&open(&dir, configured.clone()), "rotated").await;
    enter(&dir, credentials("other", "entered"), Some(&configured)).await;
    let again = open(&dir, configured.clone());
    assert_eq!(order(&again)[0], ("entered-2".to_owned(), Origin::Saved));
    assert_eq!(again.psid().expose_secret(), "other");
    // Rotations of a later run do not forget it.
    rotate(&again, "entered-3").await;
    assert_eq!(open(&dir, configured).psid().expose_secret(), "other");

    let newer = open(&dir, credentials("id", "newer"));
    assert_eq!(order(&newer), [("newer".to_owned(), Origin::Configured)]);
    assert_eq!(newer.psid().expose_secret(), "id");
    // Whoever copies what was entered into the configuration keeps its rotations.
    let copied = open(&dir, credentials("other", "entered"));
    assert_eq!(order(&copied)[0], ("entered-3".to_owned(), Origin::Saved));
}

#[tokio::test]
async fn without_any_configuration_what_was_entered_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    enter(&dir, credentials("id", "entered"), None).await;
    let state = Arc::new(StateDir::open(Some(dir.path())));
    let vault = Vault::open(Arc::clone(&state), None).unwrap();
    assert_eq!(
        (vault.psid().expose_secret(), order(&vault)[0].0.as_str()),
        ("id", "entered-2")
    );
    assert_eq!(order(&open(&dir, credentials("id2", "env")))[0].1, Origin::Configured);
    assert!(!dir.path().join(TRIAL).exists());
}

#[tokio::test]
async fn an_identity_that_is_configured_is_not_in_the_file_after_an_entry_either() {
    let dir = tempfile::tempdir().unwrap();
    let configured = credentials("g.a000-identity", "env");
    enter(&dir, credentials("g.a000-identity", "entered"), Some(&configured)).await;
    assert!(
        !std::fs::read_to_string(dir.path().join(FILE))
            .unwrap()
            .contains("g.a000-identity")
    );
    assert_eq!(order(&open(&dir, configured))[0].0, "entered-2");
    let state = Arc::new(StateDir::open(Some(dir.path())));
    assert!(Vault::open(state, None).is_none(), "half a log-in is none");
}

#[tokio::test]
async fn a_trial_leaves_the_file_in_use_alone_and_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let running = open(&dir, credentials("id", "env"));
    rotate(&running, "rotated").await;
    let before = std::fs::read(dir.path().join(FILE)).unwrap();
    let state = Arc::new(StateDir::open(Some(dir.path())));
    let trial = Vault::for_trial(Arc::clone(&state), credentials("other", "entered"));
    rotate(&trial, "entered-2").await;
    assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), before);
    let again = Vault::for_trial(Arc::clone(&state), credentials("other", "entered"));
    assert_eq!(order(&again)[0].0, "entered-2");
    let newer = Vault::for_trial(state, credentials("other", "newer"));
    assert_eq!(order(&newer), [("newer".to_owned(), Origin::Configured)]);
}

#[tokio::test]
async fn who_was_replaced_writes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let configured = credentials("id", "env");
    let old = open(&dir, configured.clone());
    old.retire().await;
    enter(&dir, credentials("other", "entered"), Some(&configured)).await;
    let before = std::fs::read(dir.path().join(FILE)).unwrap();
    rotate(&old, "late").await;
    assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), before);
}

#[tokio::test]
async fn cookies_in_force_and_older_ones_of_their_chain_are_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(&dir, credentials("id", "env"));
    assert!(vault.holds(&credentials("id", "env")) && !vault.has_rotated());
    rotate(&vault, "second").await;
    rotate(&vault, "third").await;
    for known in ["env", "second", "third"] {
        assert!(vault.holds(&credentials("id", known)), "{known}");
    }
    assert!(vault.has_rotated());
    assert!(!vault.holds(&credentials("id", "new")) && !vault.holds(&credentials("other", "third")));
}
