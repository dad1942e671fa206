// json

impl JsonMessage for pb::CreateNoteRequest {
    #[allow(unused_variables)]
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { group_id, note_id, r#type, self_, pinned } = self;
        if !group_id.is_empty() { let value = group_id; put::<_, Text, M>(map, "GroupId", value)?; }
        if !note_id.is_empty() { let value = note_id; put::<_, Text, M>(map, "NoteId", value)?; }
        if *r#type != 0 { let value = r#type; put::<_, EnumText<pb::Colour>, M>(map, "Type", value)?; }
        if let Some(value) = self_ { put::<_, Text, M>(map, "Self", value)?; }
        if *pinned { let value = pinned; put::<_, Flag, M>(map, "Pinned", value)?; }
        Ok(())
    }

    #[allow(unused_variables)]
    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        match entry.key {
            "GroupId" => self.group_id = entry.get::<_, Text>()?,
            "NoteId" => self.note_id = entry.get::<_, Text>()?,
            "Type" => self.r#type = entry.get::<_, EnumText<pb::Colour>>()?,
            "Self" => self.self_ = entry.optional::<_, Text>()?,
            "Pinned" => self.pinned = entry.get::<_, Flag>()?,
            _ => {
                return Ok(false);
            }
        }
        #[allow(unreachable_code)]
        Ok(true)
    }
}

impl JsonMessage for pb::CreateNoteResponse {
    #[allow(unused_variables)]
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { note_id } = self;
        if !note_id.is_empty() { let value = note_id; put::<_, Text, M>(map, "NoteId", value)?; }
        Ok(())
    }

    #[allow(unused_variables)]
    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        match entry.key {
            "NoteId" => self.note_id = entry.get::<_, Text>()?,
            _ => {
                return Ok(false);
            }
        }
        #[allow(unreachable_code)]
        Ok(true)
    }
}

impl JsonMessage for pb::ListNotesRequest {
    #[allow(unused_variables)]
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { group_id, page_size, page_token } = self;
        if !group_id.is_empty() { let value = group_id; put::<_, Text, M>(map, "GroupId", value)?; }
        paging::write_size(map, "Limit", i64::from(*page_size), 0, 50)?;
        paging::write(map, paging::Style::Offset, "Offset", page_token, group_id)?;
        Ok(())
    }

    #[allow(unused_variables)]
    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        match entry.key {
            "GroupId" => self.group_id = entry.get::<_, Text>()?,
            "Limit" => self.page_size = entry.get::<_, Int>()?,
            "Offset" => self.page_token = paging::read(entry, paging::Style::Offset)?,
            _ => {
                return Ok(false);
            }
        }
        #[allow(unreachable_code)]
        Ok(true)
    }
}

impl JsonMessage for pb::ListNotesResponse {
    #[allow(unused_variables)]
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { notes, total, next_page_token } = self;
        if !notes.is_empty() { let value = notes; put::<_, Vec<Nested>, M>(map, "NoteList", value)?; }
        if *total != 0 { let value = total; put::<_, Int, M>(map, "Total", value)?; }
        Ok(())
    }

    #[allow(unused_variables)]
    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        match entry.key {
            "NoteList" => self.notes = entry.decisive().get::<_, Vec<Nested>>()?,
            "Total" => self.total = entry.get::<_, Int>()?,
            _ => {
                return Ok(false);
            }
        }
        #[allow(unreachable_code)]
        Ok(true)
    }
}

impl JsonMessage for pb::Note {
    #[allow(unused_variables)]
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { note_id, r#type, r#yield } = self;
        if !note_id.is_empty() { let value = note_id; put::<_, Text, M>(map, "NoteId", value)?; }
        if *r#type != 0 { let value = r#type; put::<_, EnumText<pb::Colour>, M>(map, "Type", value)?; }
        if !r#yield.is_empty() { let value = r#yield; put::<_, Vec<Int>, M>(map, "Yield", value)?; }
        Ok(())
    }

    #[allow(unused_variables)]
    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        match entry.key {
            "NoteId" => self.note_id = entry.get::<_, Text>()?,
            "Type" => self.r#type = entry.get::<_, EnumText<pb::Colour>>()?,
            "Yield" => self.r#yield = entry.get::<_, Vec<Int>>()?,
            _ => {
                return Ok(false);
            }
        }
        #[allow(unreachable_code)]
        Ok(true)
    }
}

impl JsonEnum for pb::Colour {
    const NAME: &'static str = "Colour";

    fn text(number: i32) -> Option<&'static str> {
        match number {
            1 => Some("Red"),
            _ => None,
        }
    }

    fn number(number: i32) -> Option<i64> {
        match number {
            _ => None,
        }
    }

    fn from_text(text: &str) -> Option<i32> {
        match text {
            "Red" => Some(1),
            _ => None,
        }
    }

    fn from_number(number: i64) -> Option<i32> {
        match number {
            _ => None,
        }
    }

}

/// The keys of lists of small objects, as types.
mod key {
    use super::JsonKey;
}
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_json_message {
    ($call:ident) => {
        $call!("CreateNoteRequest", CreateNoteRequest);
        $call!("CreateNoteResponse", CreateNoteResponse);
        $call!("ListNotesRequest", ListNotesRequest);
        $call!("ListNotesResponse", ListNotesResponse);
        $call!("Note", Note);
    };
}
/// Message and name of each field without which its message cannot be read.
#[doc(hidden)]
pub const DECISIVE: &[(&str, &str)] = &[
    ("ListNotesResponse", "notes"),
];

// rules

impl Validate for pb::CreateNoteRequest {
    #[allow(unused_variables)]
    fn validate(&self, at: &Path<'_>, violations: &mut Violations) {
        {
        let here = at.field("group_id");
        rules::required(self.group_id.is_empty(), &here, violations);
        rules::max_bytes(&self.group_id, 48, &here, violations);
        }
        {
        let here = at.field("note_id");
        rules::max_bytes(&self.note_id, 32, &here, violations);
        rules::characters(&self.note_id, Characters::Word, &here, violations);
        }
        {
        let here = at.field("type");
        rules::required(self.r#type == 0, &here, violations);
        rules::choice(self.r#type, &[(1, "COLOUR_RED"), ], &here, violations);
        }
        {
        let here = at.field("pinned");
        rules::absent_unless(!(!(self.self_.is_none())) && !(!self.pinned), "self is set", &here, violations);
        }
    }
}

impl Validate for pb::ListNotesRequest {
    #[allow(unused_variables)]
    fn validate(&self, at: &Path<'_>, violations: &mut Violations) {
        {
        let here = at.field("group_id");
        rules::required(self.group_id.is_empty(), &here, violations);
        rules::max_bytes(&self.group_id, 48, &here, violations);
        }
        {
        let here = at.field("page_size");
        rules::range(i64::from(self.page_size), Some(0), None, &[], &here, violations);
        }
        {
        let here = at.field("page_token");
        rules::page_token(paging::Style::Offset, &self.page_token, &here, violations);
        }
    }
}


// shapes

/// `CreateNoteRequest`.
pub static CREATE_NOTE_REQUEST: Shape = Shape(&[]);
/// `ListNotesRequest`.
pub static LIST_NOTES_REQUEST: Shape = Shape(&[]);

// methods

/// The command of `NoteService/ListNotes`.
pub const NOTE_SERVICE_LIST_NOTES_COMMAND: Command<'static> = Command { service: "notes", name: "list_notes", label: "list_notes", safety: Safety::Read, rate_per_second: 10, group_rate_per_second: None };
/// `NoteService/ListNotes`.
pub const NOTE_SERVICE_LIST_NOTES: Method = Method { path: "tencentim.group.v1.NoteService/ListNotes", scope: Scope::Read, safety: Safety::Read, streaming: false, request: &shapes::LIST_NOTES_REQUEST, command: Some(NOTE_SERVICE_LIST_NOTES_COMMAND) };
/// The command of `NoteService/CreateNote`.
pub const NOTE_SERVICE_CREATE_NOTE_COMMAND: Command<'static> = Command { service: "notes", name: "create_note", label: "create_note", safety: Safety::Unsafe, rate_per_second: 200, group_rate_per_second: Some(5) };
/// `NoteService/CreateNote`.
pub const NOTE_SERVICE_CREATE_NOTE: Method = Method { path: "tencentim.group.v1.NoteService/CreateNote", scope: Scope::Message, safety: Safety::Unsafe, streaming: false, request: &shapes::CREATE_NOTE_REQUEST, command: Some(NOTE_SERVICE_CREATE_NOTE_COMMAND) };
/// `NoteService/StreamNotes`.
pub const NOTE_SERVICE_STREAM_NOTES: Method = Method { path: "tencentim.group.v1.NoteService/StreamNotes", scope: Scope::Read, safety: Safety::Read, streaming: true, request: &shapes::LIST_NOTES_REQUEST, command: None };
/// Every method of the contract.
pub static METHODS: &[Method] = &[NOTE_SERVICE_LIST_NOTES, NOTE_SERVICE_CREATE_NOTE, NOTE_SERVICE_STREAM_NOTES];
/// Every service of the contract.
pub static SERVICES: &[&str] = &["tencentim.group.v1.NoteService"];

// services

#[tonic::async_trait]
impl pb::note_service_server::NoteService for Gateway {
    async fn list_notes(&self, request: Request<pb::ListNotesRequest>) -> Result<Response<pb::ListNotesResponse>, Status> {
        self.page(request, |call, message| async move { call.send(message).await }).await
    }
    async fn create_note(&self, request: Request<pb::CreateNoteRequest>) -> Result<Response<pb::CreateNoteResponse>, Status> {
        self.composed(request, |call, message| async move { call.send(message).await }).await
    }
    type StreamNotesStream = Replies<pb::ListNotesResponse>;
    async fn stream_notes(&self, request: Request<pb::ListNotesRequest>) -> Result<Response<Self::StreamNotesStream>, Status> {
        self.streamed(request, |call, message| compositions::note_service::stream_notes(call, message)).await
    }
}

impl tokens::Paged for pb::ListNotesRequest {
    const PATH: &'static str = methods::NOTE_SERVICE_LIST_NOTES.path;
    fn page_token(&mut self) -> &mut String { &mut self.page_token }
    fn of_the_list(&self) -> Self { Self { page_token: String::new(), page_size: 0, ..self.clone() } }
}
impl tokens::Page for pb::ListNotesResponse {
    fn next_page_token(&mut self) -> &mut String { &mut self.next_page_token }
}

impl tokens::Paged for pb::ListNotesRequest {
    const PATH: &'static str = methods::NOTE_SERVICE_STREAM_NOTES.path;
    fn page_token(&mut self) -> &mut String { &mut self.page_token }
    fn of_the_list(&self) -> Self { Self { page_token: String::new(), page_size: 0, ..self.clone() } }
}
impl tokens::Page for pb::ListNotesResponse {
    fn next_page_token(&mut self) -> &mut String { &mut self.next_page_token }
}

impl Mapped for pb::ListNotesRequest {
    type Reply = pb::ListNotesResponse;
    const COMMAND: &'static Command<'static> = &methods::NOTE_SERVICE_LIST_NOTES_COMMAND;
    fn group_id(&self) -> Option<&str> { Some(&self.group_id) }
    #[allow(unused_variables)]
    fn finish(&self, reply: &mut Self::Reply, lost: usize) { reply.next_page_token = paging::next_offset(&self.page_token, reply.notes.len() + lost, u64::from(reply.total), false, paging::effective_size(i64::from(self.page_size), 0, 50)); }
}

impl Mapped for pb::CreateNoteRequest {
    type Reply = pb::CreateNoteResponse;
    const COMMAND: &'static Command<'static> = &methods::NOTE_SERVICE_CREATE_NOTE_COMMAND;
    fn group_id(&self) -> Option<&str> { Some(&self.group_id) }
    fn guarded(&self) -> bool { !self.note_id.is_empty() }
    #[allow(unused_variables)]
    fn finish(&self, reply: &mut Self::Reply, lost: usize) { if reply.note_id.is_empty() { reply.note_id.clone_from(&self.note_id); } }
}

/// All services of the contract behind one router.
pub fn routes(gateway: &Gateway, sizes: MessageSizes) -> tonic::service::Routes {
    let mut routes = tonic::service::RoutesBuilder::default();
    routes.add_service(pb::note_service_server::NoteServiceServer::new(gateway.clone()).max_decoding_message_size(sizes.decode).max_encoding_message_size(sizes.encode).accept_compressed(tonic::codec::CompressionEncoding::Gzip).send_compressed(tonic::codec::CompressionEncoding::Gzip));
    routes.routes()
}

