//! The elements that a message may be made of.

use serde_json::Value;

use crate::error::ApiError;
use crate::schema::Kind::{self, Flag, Integer, Number, Object, Objects, OneOf, Text, Texts, User, Word};
use crate::schema::{Field, Strictness, check as check_fields, opt, req};

/// The field type of `MsgBody`.
pub const ELEMENTS: Kind = Kind::List(check);

/// How clients fetch a medium: always straight from its URL.
const DIRECT: Kind = OneOf(&[2]);

const TEXT: &[Field] = &[req("Text", Text)];
const LOCATION: &[Field] = &[req("Desc", Text), req("Latitude", Number), req("Longitude", Number)];
const FACE: &[Field] = &[req("Index", Integer), req("Data", Text)];
const CUSTOM: &[Field] = &[req("Data", Text), opt("Desc", Text), opt("Ext", Text), opt("Sound", Text)];
const SOUND: &[Field] =
    &[req("Url", Text), req("UUID", Text), req("Size", Integer), req("Second", Integer), req("Download_Flag", DIRECT)];
const IMAGE: &[Field] = &[
    req("UUID", Text),
    req("ImageFormat", OneOf(&[1, 2, 3, 4, 255])),
    req(
        "ImageInfoArray",
        Objects(&[
            req("Type", OneOf(&[1, 2, 3])),
            req("Size", Integer),
            req("Width", Integer),
            req("Height", Integer),
            req("URL", Text),
        ]),
    ),
];
const FILE: &[Field] = &[
    req("Url", Text),
    req("UUID", Text),
    req("FileSize", Integer),
    req("FileName", Text),
    req("Download_Flag", DIRECT),
];
const VIDEO: &[Field] = &[
    req("VideoUrl", Text),
    req("VideoUUID", Text),
    req("VideoSize", Integer),
    req("VideoSecond", Integer),
    req("VideoFormat", Text),
    req("VideoDownloadFlag", DIRECT),
    req("ThumbUrl", Text),
    req("ThumbUUID", Text),
    req("ThumbSize", Integer),
    req("ThumbWidth", Integer),
    req("ThumbHeight", Integer),
    req("ThumbFormat", Text),
    req("ThumbDownloadFlag", DIRECT),
];
const RELAY: &[Field] = &[
    req("Title", Text),
    req("MsgNum", Integer),
    req("CompatibleText", Text),
    req("AbstractList", Texts),
    opt("JsonMsgKey", Text),
    opt(
        "MsgList",
        Objects(&[
            req("From_Account", User),
            opt("To_Account", User),
            opt("GroupId", Text),
            req("MsgSeq", Kind::U32),
            req("MsgRandom", Kind::U32),
            req("MsgTimeStamp", Integer),
            req("MsgBody", ELEMENTS),
            opt("CloudCustomData", Text),
        ]),
    ),
];

const ANDROID_PUSH: &[Field] = &[
    opt("Sound", Text).ignored(),
    opt("PushStyle", Flag).ignored(),
    opt("HuaWeiChannelID", Text).alias(&["HuaweiChannelID"]).ignored(),
    opt("XiaoMiChannelID", Text).alias(&["XiaomiChannelID"]).ignored(),
    opt("OPPOChannelID", Text).ignored(),
    opt("GoogleChannelID", Text).ignored(),
    opt("VIVOClassification", Flag).ignored(),
    opt("VIVOCategory", Text).ignored(),
    opt("VIVONotifyType", OneOf(&[1, 2, 3, 4])).ignored(),
    opt("HuaWeiCategory", Text).ignored(),
    opt("HuaWeiImportance", Word(&["LOW", "NORMAL"])).ignored(),
    opt("HuaWeiImage", Text).ignored(),
    opt("ExtAsHuaweiIntentParam", Flag).ignored(),
    opt("HonorImportance", Word(&["LOW", "NORMAL"])).ignored(),
    opt("HonorImage", Text).ignored(),
    opt("OPPOCategory", Text).ignored(),
    opt("OPPONotifyLevel", OneOf(&[1, 2, 16])).ignored(),
    opt("OPPOPrivateMsgTemplateId", Text).ignored(),
    opt("OPPOPrivateTitleParameters", Kind::Any).ignored(),
    opt("OPPOPrivateContentParameters", Kind::Any).ignored(),
    opt("GoogleImage", Text).ignored(),
    opt("GooglePriority", Word(&["normal", "high"])).ignored(),
    opt("MeiZuNoticeMsgType", Flag).ignored(),
];
const APNS_PUSH: &[Field] = &[
    opt("Sound", Text).ignored(),
    opt("BadgeMode", Flag).ignored(),
    opt("Title", Text).ignored(),
    opt("SubTitle", Text).ignored(),
    opt("Image", Text).ignored(),
    opt("MutableContent", Flag).ignored(),
    opt("InterruptionLevel", Word(&["active", "critical", "passive", "time-sensitive"])).ignored(),
    opt("ContentAvailable", Flag).ignored(),
];

/// What `OfflinePushInfo` may hold. Pushes lie outside the emulator; the keys for HarmonyOS are not documented.
pub const OFFLINE_PUSH_INFO: &[Field] = &[
    opt("PushFlag", Flag).ignored(),
    opt("Title", Text).ignored(),
    opt("Desc", Text).ignored(),
    opt("Ext", Text).ignored(),
    opt("AndroidInfo", Object(ANDROID_PUSH)).ignored(),
    opt("ApnsInfo", Object(APNS_PUSH)).ignored(),
    opt("HarmonyInfo", Kind::Any).ignored(),
];

fn content_fields(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "TIMTextElem" => TEXT,
        "TIMLocationElem" => LOCATION,
        "TIMFaceElem" => FACE,
        "TIMCustomElem" => CUSTOM,
        "TIMSoundElem" => SOUND,
        "TIMImageElem" => IMAGE,
        "TIMFileElem" => FILE,
        "TIMVideoFileElem" => VIDEO,
        "TIMRelayElem" => RELAY,
        _ => return None,
    })
}

/// Checks the elements of a message: known types, their contents, and at most one custom element.
pub fn check(elements: &mut [Value], path: &str, strictness: Strictness<'_>) -> Result<(), ApiError> {
    if elements.is_empty() {
        return Err(ApiError::field(path, "must not be empty"));
    }
    let mut custom = 0;
    for (position, element) in elements.iter_mut().enumerate() {
        let path = format!("{path}[{position}].");
        let Some(element) = element.as_object_mut() else {
            return Err(ApiError::field(path.trim_end_matches('.'), "must be an object"));
        };
        check_fields(&[req("MsgType", Text), req("MsgContent", Kind::Any)], element, &path, strictness)?;
        let kind = element.get("MsgType").and_then(Value::as_str).unwrap_or_default();
        let Some(fields) = content_fields(kind) else {
            if strictness.loose && !kind.is_empty() {
                continue;
            }
            return Err(ApiError::field(&format!("{path}MsgType"), "is not a known element type"));
        };
        custom += usize::from(kind == "TIMCustomElem");
        if let Some(content) = element.get_mut("MsgContent").and_then(Value::as_object_mut) {
            check_fields(fields, content, &format!("{path}MsgContent."), strictness)?;
        }
    }
    if custom > 1 {
        return Err(ApiError::field(path, "may hold only one TIMCustomElem"));
    }
    Ok(())
}
